package main

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/programtest"
)

// hit is a line of a log, as the naive evaluation reads it.
type hit struct {
	at           time.Time
	client, page string
	bytes        int64
}

// read takes a log apart at its spaces.
func read(t *testing.T, log string) []hit {
	t.Helper()
	var hits []hit
	for line := range strings.Lines(log) {
		f := strings.Split(line, " ")
		at, err := time.Parse("[02/Jan/2006:15:04:05 -0700]", f[3]+" "+f[4])
		must(t, err)
		size, err := strconv.ParseInt(strings.Replace(f[9], "-", "0", 1), 10, 64)
		must(t, err)
		hits = append(hits, hit{at.UTC(), f[0], f[6], size})
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.at.Compare(b.at) })
	return hits
}

// wantSessions are the rows of the first result: a session goes on until more than half an hour is silent.
func wantSessions(t *testing.T, hits []hit) []string {
	open := map[string]*Session{}
	var all []*Session
	for _, h := range hits {
		s := open[h.client]
		if s == nil || h.at.Sub(s.To) > 30*time.Minute {
			s = &Session{Client: h.client, From: h.at}
			open[h.client], all = s, append(all, s)
		}
		s.To, s.Pages, s.Bytes = h.at, s.Pages+1, s.Bytes+h.bytes
	}
	return encoded(t, all)
}

// wantTop are the rows of the second result: the ten most requested pages of each hour, by name among equals.
func wantTop(t *testing.T, hits []hit) []string {
	hours := map[time.Time]map[string]int64{}
	for _, h := range hits {
		hour := h.at.Truncate(time.Hour)
		if hours[hour] == nil {
			hours[hour] = map[string]int64{}
		}
		hours[hour][h.page]++
	}
	var all []*Rank
	for hour, pages := range hours {
		var ranks []*Rank
		for page, views := range pages {
			ranks = append(ranks, &Rank{Hour: hour, Page: page, Views: views})
		}
		slices.SortFunc(ranks, func(a, b *Rank) int {
			return cmp.Or(-cmp.Compare(a.Views, b.Views), strings.Compare(a.Page, b.Page))
		})
		ranks = ranks[:min(10, len(ranks))]
		for i, r := range ranks {
			r.Rank = i + 1
		}
		all = append(all, ranks...)
	}
	return encoded(t, all)
}

// encoded are rows as sorted lines of JSON.
func encoded[T any](t *testing.T, rows []*T) []string {
	t.Helper()
	var lines []string
	for _, r := range rows {
		b, err := json.Marshal(r)
		must(t, err)
		lines = append(lines, string(b))
	}
	slices.Sort(lines)
	return lines
}

// committed are the lines that a reader of a directory finds, sorted.
func committed(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	must(t, err)
	var lines []string
	for _, path := range files {
		b, err := os.ReadFile(path)
		must(t, err)
		lines = append(lines, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")...)
	}
	slices.Sort(lines)
	return lines
}

// compare checks both results of a log.
func compare(t *testing.T, output, log string) {
	t.Helper()
	hits := read(t, log)
	for result, want := range map[string][]string{"sessions": wantSessions(t, hits), "top": wantTop(t, hits)} {
		got := committed(t, filepath.Join(output, result))
		if len(got) != len(want) {
			t.Errorf("%s: %d rows, want %d", result, len(got), len(want))
		}
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("%s: %s, want %s", result, got[i], want[i])
			}
		}
	}
}

// generate returns lines of a log that begins at a time. A line may be up to a minute behind those before it.
func generate(rng *rand.Rand, begin time.Time, lines int) string {
	var log strings.Builder
	for n := range lines {
		at := begin.Add(time.Duration(n)*4*time.Second - time.Duration(rng.IntN(60))*time.Second)
		size := strconv.Itoa(rng.IntN(5000))
		if rng.IntN(10) == 0 {
			size = "-"
		}
		fmt.Fprintf(&log, "10.0.%d.%d - - [%s] \"GET /page/%d?q=a HTTP/1.1\" 200 %s \"-\" \"a browser\"\n",
			rng.IntN(4), rng.IntN(250), at.In(time.FixedZone("", 7200)).Format("02/Jan/2006:15:04:05 -0700"),
			int(rng.ExpFloat64()*8), size)
	}
	return log.String()
}

var begin = time.Date(2024, 2, 28, 23, 30, 0, 0, time.UTC)

func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("seed", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

func TestSessionsAndTopPagesEqualANaiveEvaluation(t *testing.T) {
	log := generate(random(t), begin, 5000)
	input := filepath.Join(t.TempDir(), "access.log")
	must(t, os.WriteFile(input, []byte(log), 0o644))
	for _, p := range []string{"1", "2", "5"} {
		job := weblog{input: input, output: t.TempDir()}
		ran := job.run(t, "--parallelism", p, "--checkpoint-interval", "1ms")
		if ran.Code != 0 || ran.Stderr != "" {
			t.Fatalf("exit code %d: %s", ran.Code, ran.Stderr)
		}
		compare(t, job.output, log)
	}
}

func TestTheSampleLogEqualsANaiveEvaluation(t *testing.T) {
	f, err := os.Open("testdata/access.log.gz")
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	log, err := io.ReadAll(z)
	must(t, err)
	job := weblog{output: t.TempDir(), dir: filepath.Join("..", "..")} // where the README says to start it
	if ran := job.run(t); ran.Code != 0 {
		t.Fatalf("exit code %d: %s", ran.Code, ran.Stderr)
	}
	compare(t, job.output, string(log))
}

// summary is what --json prints, as far as it matters here.
type summary struct {
	Finished    bool   `json:"finished"`
	ResumedFrom uint64 `json:"resumed_from"`
	RowsRead    int    `json:"rows_read"`
}

// A line that is none of the format makes the job fail and restart, in the middle of the log, until somebody
// stops it and puts the line right.
func TestAJobStoppedInTheMiddleGoesOnWhereItWas(t *testing.T) {
	log := generate(random(t), begin, 40_000)
	at := strings.Index(log[len(log)/2:], "\n10.0.") + len(log)/2 + 1
	broken := []byte(log)
	broken[at] = ' '
	input := filepath.Join(t.TempDir(), "access.log")
	must(t, os.WriteFile(input, broken, 0o644))
	job, state := weblog{input: input, output: t.TempDir()}, t.TempDir()
	flags := []string{"--state", state, "--parallelism", "1", "--checkpoint-interval", "1ms", "--json"}

	first := job.start(t, flags...)
	where := fmt.Sprintf("%s, line %d, byte %d: ", input, strings.Count(log[:at], "\n")+1, at)
	for goes := true; goes; goes = !programtest.Begun(t, state) {
		if line := first.WaitFor(t, "failed, restarting"); !strings.Contains(line, where) {
			t.Fatalf("the line does not say %q: %s", where, line)
		}
	}
	first.Signal(t, os.Interrupt)
	must(t, os.WriteFile(input+".new", []byte(log), 0o644))
	must(t, os.Rename(input+".new", input))
	stopped := first.Wait(t)
	if stopped.Code != 3 || !strings.Contains(stopped.Stderr, "interrupted after checkpoint ") {
		t.Fatalf("exit code %d: %s", stopped.Code, stopped.Stderr)
	}

	rest := job.run(t, flags...)
	var s summary
	must(t, json.Unmarshal([]byte(rest.Stdout), &s))
	if rest.Code != 0 || !s.Finished || s.ResumedFrom == 0 || s.RowsRead >= 40_000 {
		t.Errorf("exit code %d, %+v: %s", rest.Code, s, rest.Stderr)
	}
	compare(t, job.output, log)
}

func TestALineOfAnotherFormatIsNamed(t *testing.T) {
	input := filepath.Join(t.TempDir(), "access.log")
	must(t, os.WriteFile(input, []byte(generate(random(t), begin, 3)+"hello\n"), 0o644))
	ran := weblog{input: input, output: t.TempDir()}.run(t, "--restarts", "-1")
	want := input + ", line 4, byte "
	if ran.Code != 1 || !strings.Contains(ran.Stderr, want) ||
		!strings.Contains(ran.Stderr, "not a line of the combined log format") {
		t.Errorf("exit code %d, no %q: %s", ran.Code, want, ran.Stderr)
	}
}

func TestMistakesAreOneLineAndTouchNothing(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"unknown flag":  {[]string{"--bogus"}, "unknown flag: --bogus"},
		"an argument":   {[]string{"access.log"}, `"access.log"`},
		"missing input": {nil, `source "log": no file matches `},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			job := weblog{input: filepath.Join(dir, "missing.log"), output: filepath.Join(dir, "out")}
			ran := job.run(t, c.flags...)
			if ran.Code != 2 || ran.Stdout != "" || strings.Count(ran.Stderr, "\n") != 1 {
				t.Errorf("exit code %d, %q on standard output, %q", ran.Code, ran.Stdout, ran.Stderr)
			}
			if !strings.HasPrefix(ran.Stderr, "weblog: ") || !strings.Contains(ran.Stderr, c.want) {
				t.Errorf("%q does not say %q", ran.Stderr, c.want)
			}
			if _, err := os.Stat(job.output); !os.IsNotExist(err) {
				t.Errorf("%s exists: %v", job.output, err)
			}
		})
	}
}
