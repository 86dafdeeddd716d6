package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/programtest"
)

func TestHelpShowsTheCommandsWithExamples(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"help"}, []string{
			"Examples:\n  aquifer quickstart\n  aquifer nexmark q5", "  aquifer checkpoint list DIR\n",
			"  bench ", "  checkpoint ", "  nexmark ", "  quickstart ",
			"Exit codes: 0 done; 1 failed, or a restore that is planned", "3 interrupted",
		}},
		{nil, []string{"Examples:", "Available Commands:"}},
		{[]string{"help", "nexmark"}, []string{"Examples:\n  aquifer nexmark q5\n", "q0, q1, q2, q3", "--state", "aquifer nexmark all"}},
		{[]string{"quickstart", "--help"}, []string{"Examples:\n  aquifer quickstart\n", "Ctrl-C", "(default 2s)"}},
		{[]string{"bench"}, []string{"Examples:\n  aquifer bench state\n", "  checkpoint ", "  state "}},
		{[]string{"bench", "nexmark", "--help"}, []string{"  aquifer bench nexmark --peer DIR --out", "(default 10000000)"}},
		{[]string{"bench", "state", "--help"},
			[]string{"  aquifer bench state --keys", "(default 20ms)", "misses of a batch"}},
		{[]string{"bench", "checkpoint", "--help"}, []string{"  aquifer bench checkpoint --memory", "(default 1s)"}},
		{[]string{"checkpoint"}, []string{"Examples:\n  aquifer checkpoint list DIR\n", "  show ", "  verify "}},
		{[]string{"checkpoint", "verify", "--help"}, []string{"aquifer checkpoint verify STATE", "--json"}},
	} {
		out := succeed(t, c.args...).Stdout
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("aquifer %q does not show %q:\n%s", c.args, want, out)
			}
		}
	}
}

// The results of independent engines are in the tests of package nexmark; these are two of them.
func TestNexmarkPrintsTheKnownResult(t *testing.T) {
	for query, want := range map[string]string{"q1": "920000 70c31a925c5bdb8c", "q5": "12 251cfbf5b0d00e2e"} {
		r := succeed(t, "nexmark", query, "--out", "hash", "--json", "--parallelism", "2")
		got := programtest.Parse[report](t, r)
		if got.Hash == nil || fmt.Sprint(got.Rows, " ", *got.Hash) != want || r.Stderr != "" {
			t.Errorf("%s: %s, want %s: %s", query, r.Stdout, want, r.Stderr)
		}
		if min(got.WallS, got.CPUS, got.EventsPerS, got.EventsPerCPUS, float64(got.PeakRSSBytes)) <= 0 {
			t.Errorf("%s: something was not measured: %+v", query, got)
		}
		known := report{Query: query, Events: 1_000_000, Rows: got.Rows, Parallelism: 2, Finished: true}
		if got.CheckpointsCompleted < 1 || !reflect.DeepEqual(got.outcome(), known.outcome()) {
			t.Errorf("%s: %+v, want %+v", query, got, known)
		}
	}
}

// outcome is a report without what differs from run to run.
func (r report) outcome() report {
	return report{
		Query: r.Query, Events: r.Events, Rows: r.Rows, Parallelism: r.Parallelism, Finished: r.Finished,
		Restarts: r.Restarts, ResumedFrom: r.ResumedFrom, CheckpointsFailed: r.CheckpointsFailed,
	}
}

func TestNexmarkPrintsAReportForPeople(t *testing.T) {
	hashed := succeed(t, "nexmark", "q1", "--events", "1000", "--out", "hash").Stdout
	counted := succeed(t, "nexmark", "q1", "--events", "1000").Stdout
	if !strings.HasPrefix(hashed, "q1: 1000 events, 920 rows, hash ") || !strings.Contains(hashed, "events/s") {
		t.Errorf("%s", hashed)
	}
	if !strings.HasPrefix(counted, "q1: 1000 events, 920 rows\n") || !strings.Contains(counted, " 0 failed\n") {
		t.Errorf("%s", counted)
	}
}

func TestNexmarkWritesFiles(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	succeed(t, "nexmark", "q1", "--events", "1000", "--out", out, "--parallelism", "3")
	files, err := filepath.Glob(filepath.Join(out, "*.txt"))
	must(t, err)
	lines := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		must(t, err)
		lines += strings.Count(string(text), "\n")
	}
	if lines != 920 {
		t.Errorf("%d lines in %q", lines, files)
	}
}

func TestAFinishedBenchmarkStartedAgainReadsNothingAndHasItsResult(t *testing.T) {
	args := []string{"nexmark", "q1", "--events", "1000", "--out", "hash", "--json", "--state", t.TempDir()}
	first := programtest.Parse[report](t, succeed(t, args...))
	r := succeed(t, args...)
	again := programtest.Parse[report](t, r)
	if again.Rows != 920 || *again.Hash != *first.Hash || again.Events != 0 || again.ResumedFrom != 1 {
		t.Errorf("%s", r.Stdout)
	}
	if !strings.Contains(r.Stderr, "resumed from checkpoint 1, taken ") {
		t.Errorf("%q", r.Stderr)
	}
}

func TestMistakesAreOneLineAndExitCode2(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o644))
	below, empty := filepath.Join(file, "x"), t.TempDir()
	for _, c := range []struct{ args, want string }{
		{"frobnicate", `unknown command "frobnicate" for "aquifer" (see aquifer --help)`},
		{"help frobnicate", `there is no help about "frobnicate" (see aquifer help --help)`},
		{"help checkpoint frobnicate", `there is no help about "checkpoint frobnicate"`},
		{"nexmark", "accepts 1 arg(s), received 0 (see aquifer nexmark --help)"},
		{"nexmark q1 q2", "accepts 1 arg(s), received 2"},
		{"nexmark q99", `there is no query "q99"; there are q0, q1, q2, q3,`},
		{"nexmark q1 --bogus", "unknown flag: --bogus"},
		{"nexmark q1 --events many", `invalid argument "many" for "--events" flag`},
		{"nexmark q1 --events -1", "events is -1; it must be 0 (no end) to 2^53"},
		{"nexmark all --events -1", "q0: source \"events\": nexmark: events is -1; it must be"},
		{"nexmark q1 --speed -1", "speed is -1 times the clock's; it must be above 0"},
		{"nexmark q1 --events 1 --state " + below, "state directory " + below + " cannot be used: "},
		{"nexmark q1 --events 1 --out " + below, `sink "out": the output directory cannot be used: `},
		{"nexmark q1 --events 1 --from 7", "has no checkpoint 7: it has none"},
		{"nexmark q1 --events 1 --metrics :0", "could be read by other machines: serve them at 127.0.0.1, or name a file"},
		{"nexmark q1 --events 1 --metrics 127.0.0.1", "missing port in address; choose a free host:port, or port 0"},
		{"nexmark q1 --events 1 --log xml", `"xml" is no format: choose text or json`},
		{"quickstart now", `"now"`},
		{"quickstart --state " + below, "state directory " + below + " cannot be used: "},
		{"bench frobnicate", `unknown command "frobnicate" for "aquifer bench"`},
		{"bench nexmark --queries q99", `there is no query "q99"; there are q0,`},
		{"bench nexmark --peer " + empty, "the peer has no program to run: stat " + filepath.Join(empty, "run")},
		{"bench state 4", `unknown command "4" for "aquifer bench state"`},
		{"bench state --ratio 0.5", "ratio 0.5: the state must be larger than the memory"},
		{"bench state --ratio many", `invalid argument "many" for "--ratio" flag`},
		{"bench checkpoint --rate 0", "0 records a second and 3 checkpoints: there must be some"},
		{"checkpoint frobnicate", `unknown command "frobnicate" for "aquifer checkpoint"`},
		{"checkpoint list", "accepts 1 arg(s), received 0"},
		{"checkpoint list " + empty, empty + " is not a state directory"},
		{"checkpoint show " + below, below + " is not a state directory"},
		{"checkpoint verify " + file, file + " is not a state directory"},
	} {
		r := command(t, strings.Fields(c.args)...)
		said := strings.TrimPrefix(r.Stderr, "state in "+below+"\n")
		if r.Code != 2 || r.Stdout != "" || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q on standard output, %q", c.args, r.Code, r.Stdout, r.Stderr)
		}
		if !strings.HasPrefix(said, "aquifer: ") || !strings.Contains(said, c.want) {
			t.Errorf("%s: %q does not say %q", c.args, r.Stderr, c.want)
		}
	}
}

func TestTheStateOfAnotherJobIsRefused(t *testing.T) {
	state := t.TempDir()
	succeed(t, "nexmark", "q1", "--events", "10", "--state", state)
	r := command(t, "nexmark", "q2", "--events", "10", "--state", state)
	if r.Code != 2 || !strings.Contains(r.Stderr, `the state of job "nexmark-q1", not of "nexmark-q2"`) {
		t.Errorf("exit code %d: %s", r.Code, r.Stderr)
	}
}

func TestNexmarkPrintsTheMetricsThatAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	must(t, err)
	r := programtest.Parse[report](t, succeed(t, "nexmark", "q18", "--events", "5000", "--json", "--parallelism", "1"))
	told := map[string]bool{}
	for identity := range r.Metrics {
		name, _, _ := strings.Cut(identity, "{")
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		if told[name] = true; !strings.Contains(string(text), "\n| `"+name+"` |") {
			t.Errorf("%s is not in docs/metrics.md", identity)
		}
	}
	ofCalls := strings.Count(string(text), "\n| `aquifer_operator_call") // of outside services, which no query has
	if want := strings.Count(string(text), "\n| `aquifer_") - ofCalls; len(told) != want {
		t.Errorf("%d metrics are told, %d documented", len(told), want)
	}
	if n := r.Metrics["aquifer_checkpoints_completed_total"]; n != float64(r.CheckpointsCompleted) {
		t.Errorf("%g checkpoints", n)
	}
}
