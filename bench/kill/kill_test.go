package kill

import (
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/gateway"
)

var (
	kills = flag.Int("kills", 6, "kills that must count, over all programs")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the moments of killing")
)

func TestKilledJobsWriteWhatAnUndisturbedRunWrites(t *testing.T) {
	n := killsOf(t)
	disturbAll(t, programs(t, n), n, func(string) State {
		dir := filepath.Join(t.TempDir(), "state")
		return State{dir, dir}
	})
}

// With a small part of its state in memory, some in a disk cache and the rest on a real S3 server, a job is as right as
// in a directory.
func TestKilledJobsOnAnObjectStoreWriteWhatAnUndisturbedRunWrites(t *testing.T) {
	n := killsOf(t)
	server := gateway.Start(t)
	server.Setenv(t)
	caches := t.TempDir()
	var bounded []Program
	for _, p := range programs(t, n) {
		if p.Name != "q5" { // whose state is never large
			bounded = append(bounded, p.in(memoryOf[p.Name], caches))
		}
	}
	disturbAll(t, bounded, n, func(name string) State { return State{server.Place(name), server.Dir(name)} })
}

// in returns the program with a bound on its memory, and a disk cache if its state is not on disk.
func (p Program) in(memory, caches string) Program {
	inner := p.Command
	p.Command = func(place, out string) *exec.Cmd {
		c := inner(place, out)
		c.Args = append(c.Args, "--memory", memory, "--max-parallelism", "8")
		if !strings.Contains(place, "://") {
			return c
		}
		cache := filepath.Join(caches, url.PathEscape(place)) // which a process that is killed leaves to the next
		c.Args = append(c.Args, "--cache", cache, "--cache-size", "10000000")
		return c
	}
	return p
}

// memoryOf is so much that hot tables have about a quarter of what the state of a job takes.
var memoryOf = map[string]string{"q18": "64000000", "weblog": "1600000"}

func killsOf(t *testing.T) int {
	t.Helper()
	t.Logf("seed %d", *seed)
	if testing.Short() {
		t.Log("killing real processes takes long: a short run does it once for each program")
		return 3
	}
	return *kills
}

// disturbAll disturbs programs as often as is wanted in all.
func disturbAll(t *testing.T, programs []Program, kills int, stateOf func(name string) State) {
	t.Helper()
	rng := rand.New(rand.NewPCG(*seed, 0))
	var sum Report
	for _, p := range programs {
		r := disturb(t, p, (kills+len(programs)-1)/len(programs), rng, stateOf(p.Name))
		t.Logf("%s: %d kills, %d of them between the head's advance and the commit, %d too early to count",
			p.Name, r.Kills, r.Between, r.Early)
		sum.Kills += r.Kills
		sum.Between += r.Between
	}
	if sum.Kills >= 50 && sum.Between*5 < sum.Kills {
		t.Errorf("only %d of %d kills fell between the head's advance and the commit: less than a fifth",
			sum.Between, sum.Kills)
	}
}

// disturb runs a program undisturbed and killed, and compares.
func disturb(t *testing.T, p Program, kills int, rng *rand.Rand, state State) Report {
	t.Helper()
	dir := t.TempDir()
	calm, killed := filepath.Join(dir, "calm"), filepath.Join(dir, "killed")
	if err := p.Finish(t.Context(), filepath.Join(dir, "calm-state"), calm); err != nil {
		t.Fatal(err)
	}
	r, err := p.Run(t.Context(), kills, rng, state, killed)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, p.Name, calm, killed)
	verify(t, state.Place)
	restoreEach(t, p, state.Dir, killed)
	return r
}

func compare(t *testing.T, name, calm, killed string) {
	t.Helper()
	want, err := Lines(calm)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Lines(killed)
	if err != nil {
		t.Fatal(err)
	}
	want, got = table(strip(want, calm)), table(strip(got, killed))
	if !slices.Equal(want, got) {
		t.Fatalf("%s: %d lines when killed, %d undisturbed: %s", name, len(got), len(want), firstDifference(got, want))
	}
}

// table is what is left of lines when those that begin with a kind of change have been done: how many changes there are of
// a row depends on which records came together. Other lines are left as they are.
func table(lines []string) (all []string) {
	net := map[string]int{}
	for _, line := range lines {
		dir, change, _ := strings.Cut(line, ": ")
		kind, row, ok := strings.Cut(change, " ")
		switch {
		case ok && (kind == "+I" || kind == "+U"):
			net[dir+": "+row]++
		case ok && (kind == "-U" || kind == "-D"):
			net[dir+": "+row]--
		default:
			net[line]++
		}
	}
	for _, row := range slices.Sorted(maps.Keys(net)) {
		if net[row] != 0 {
			all = append(all, fmt.Sprint(row, " × ", net[row]))
		}
	}
	return all
}

// strip returns lines without the name of the directory.
func strip(lines []string, dir string) (all []string) {
	for _, line := range lines {
		all = append(all, strings.ReplaceAll(line, filepath.Base(dir)+": ", ": "))
	}
	return all
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("line %d is %q, want %q", i, got[i], want[i])
		}
	}
	return "one is the beginning of the other"
}

// verify checks every object of every retained checkpoint.
func verify(t *testing.T, state string) {
	t.Helper()
	out, err := exec.Command(aquifer(t), "checkpoint", "verify", state).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "whole") {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

// restoreEach lets the job go on from each retained checkpoint, in copies of the state: each restores by itself.
func restoreEach(t *testing.T, p Program, state, out string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(state, "checkpoints", "*.manifest"))
	if err != nil || len(names) == 0 {
		t.Fatal("no checkpoint is retained", err)
	}
	for _, name := range names {
		var id uint64
		if _, err := fmt.Sscanf(filepath.Base(name), "%d-", &id); err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "state")
		if err := os.CopyFS(copied, os.DirFS(state)); err != nil {
			t.Fatal(err)
		}
		outCopy := filepath.Join(t.TempDir(), "out")
		if err := os.CopyFS(outCopy, os.DirFS(out)); err != nil {
			t.Fatal(err)
		}
		c := p.Command(copied, outCopy)
		c.Args = append(c.Args, "--from", fmt.Sprint(id))
		if msg, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s from checkpoint %d: %v\n%s", p.Name, id, err, msg)
		}
	}
}

var binaries = map[string]string{}

// build builds a command of this module once.
func build(t *testing.T, pkg string) string {
	t.Helper()
	if b, ok := binaries[pkg]; ok {
		return b
	}
	dir, err := os.MkdirTemp("", "aquifer-kill-")
	if err != nil {
		t.Fatal(err)
	}
	cleanups = append(cleanups, dir)
	b := filepath.Join(dir, filepath.Base(pkg))
	c := exec.Command("go", "build", "-o", b, "./"+pkg)
	c.Dir = filepath.Join("..", "..")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	binaries[pkg] = b
	return b
}

var cleanups []string

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	for _, dir := range cleanups {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func aquifer(t *testing.T) string { return build(t, "cmd/aquifer") }

// programs are the jobs to be killed, with enough input for a number of kills.
func programs(t *testing.T, kills int) []Program {
	input := weblogs(t, 30+8*kills/3)
	nexmark := func(query string, args ...string) Program {
		return Program{Name: query, Command: func(state, out string) *exec.Cmd {
			return exec.Command(aquifer(t), append([]string{"nexmark", query, "--out", out, "--state", state,
				"--checkpoint-interval", "40ms"}, args...)...)
		}}
	}
	// The output of q5 is small and comes with event time, so it runs as fast as it can; that of q18 is large and
	// comes with every event, so its events are paced. Which changes q18 makes on the way to its result depends on
	// how events of two sources interleave: only one subtask gives the same output each time.
	q5 := nexmark("q5", "--parallelism", "2", "--events", fmt.Sprint(4_000_000+3_000_000*kills/3))
	q18 := nexmark("q18", "--parallelism", "1", "--pace", "--rate", "50000",
		"--events", fmt.Sprint(100_000+20_000*kills/3))
	weblog := Program{Name: "weblog", Command: func(state, out string) *exec.Cmd {
		c := exec.Command(build(t, "examples/weblog"), "--state", state, "--parallelism", "2",
			"--checkpoint-interval", "40ms")
		c.Env = append(os.Environ(), "WEBLOG_INPUT="+input, "WEBLOG_OUTPUT="+out)
		return c
	}}
	return []Program{q5, q18, weblog}
}

// weblogs writes the example's log again and again, each time five days later, and returns the pattern of the
// files' names.
func weblogs(t *testing.T, copies int) string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "examples", "weblog", "testdata", "access.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	first := time.Date(2015, time.May, 17, 0, 0, 0, 0, time.UTC)
	for n := range copies {
		var days []string
		for d := range 4 {
			from, to := first.AddDate(0, 0, d), first.AddDate(0, 0, d+5*n)
			days = append(days, from.Format("[02/Jan/2006:"), to.Format("[02/Jan/2006:"))
		}
		name := filepath.Join(dir, fmt.Sprintf("access-%04d.log", n))
		if err := os.WriteFile(name, []byte(strings.NewReplacer(days...).Replace(string(text))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "*.log")
}

func TestTheComparisonFindsALostAndADoubledLine(t *testing.T) {
	want := []string{"out: a", "out: b", "out: c"}
	for _, got := range [][]string{want[:2], append(slices.Clone(want), "out: c"), {"out: a", "out: x", "out: c"}} {
		if slices.Equal(strip(want, "out"), strip(got, "out")) {
			t.Errorf("%q counts as equal to %q", got, want)
		}
	}
}
