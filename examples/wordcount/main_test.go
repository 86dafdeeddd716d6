package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
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

// text is generated, with the counts of its words.
type text struct {
	bytes.Buffer
	lines  int
	counts map[string]int64
}

var (
	forms      = []string{"water", "Water", "WATER", "well", "don't", "élan", "Élan", "вода", "A"}
	separators = []string{" ", ", ", ". ", " - ", "\t", "7", "; \"", " (2024) "}
)

// generate appends lines of random words, separated by what is no letter. A few words are rare.
func (x *text) generate(rng *rand.Rand, lines int) {
	if x.counts == nil {
		x.counts = map[string]int64{}
	}
	for range lines {
		x.lines++
		for range rng.IntN(12) {
			word := forms[rng.IntN(len(forms))]
			if rng.IntN(4) == 0 {
				word = "w" + strings.Map(func(r rune) rune { return r - '0' + 'a' }, strconv.Itoa(rng.IntN(500)))
			}
			x.WriteString(word + separators[rng.IntN(len(separators))])
			x.counts[strings.ToLower(word)]++
		}
		x.WriteByte('\n')
	}
}

// take writes the text generated so far to a file and begins an empty one with the same counts.
func (x *text) take(t *testing.T, path string) {
	t.Helper()
	b := bytes.Clone(x.Bytes())
	x.Reset()
	if filepath.Ext(path) == ".gz" {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := z.Write(b)
		must(t, err)
		must(t, z.Close())
		b = packed.Bytes()
	}
	must(t, os.WriteFile(path+".new", b, 0o644))
	must(t, os.Rename(path+".new", path))
}

func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("seed", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// committed are the counts that a reader of the output directory finds. A word must be there once.
func committed(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	must(t, err)
	for _, path := range files {
		f, err := os.Open(path)
		must(t, err)
		rows, err := csv.NewReader(f).ReadAll()
		must(t, err)
		must(t, f.Close())
		if !slices.Equal(rows[0], []string{"word", "count"}) {
			t.Errorf("%s begins with %q", path, rows[0])
		}
		for _, row := range rows[1:] {
			if _, twice := counts[row[0]]; twice {
				t.Errorf("the word %q is there twice", row[0])
			}
			counts[row[0]], err = strconv.ParseInt(row[1], 10, 64)
			must(t, err)
		}
	}
	return counts
}

func compare(t *testing.T, got, want map[string]int64) {
	t.Helper()
	for word, n := range want {
		if got[word] != n {
			t.Errorf("%q: %d, want %d", word, got[word], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d words, want %d", len(got), len(want))
	}
}

func TestWordsAreCountedAtEveryParallelism(t *testing.T) {
	var input text
	dir := t.TempDir()
	rng := random(t)
	for i, name := range []string{"1.txt", "2.txt.gz", "3.txt"} {
		input.generate(rng, 1000*i+1)
		input.take(t, filepath.Join(dir, name))
	}
	for _, p := range []int{1, 2, 5} {
		out := filepath.Join(t.TempDir(), "out")
		job := wordcount{input: filepath.Join(dir, "*.txt*"), output: out}
		ran := job.run(t, "--parallelism", strconv.Itoa(p), "--checkpoint-interval", "1ms")
		if ran.Code != 0 || ran.Stderr != "" {
			t.Fatalf("exit code %d: %s", ran.Code, ran.Stderr)
		}
		compare(t, committed(t, out), input.counts)
	}
}

func TestTheSampleTextIsCounted(t *testing.T) {
	out := t.TempDir()
	job := wordcount{output: out, dir: filepath.Join("..", "..")} // where the README says to start it
	if ran := job.run(t); ran.Code != 0 {
		t.Fatalf("exit code %d: %s", ran.Code, ran.Stderr)
	}
	counts := committed(t, out)
	for word, want := range map[string]int64{"water": 5, "well": 3, "aquifer": 1, "what": 3, "Water": 0} {
		if counts[word] != want {
			t.Errorf("%q: %d, want %d", word, counts[word], want)
		}
	}
}

// summary is what --json prints, as far as it matters here.
type summary struct {
	Finished    bool   `json:"finished"`
	ResumedFrom uint64 `json:"resumed_from"`
	RowsRead    int    `json:"rows_read"`
}

// A file that cannot be read makes the job fail and restart, in the middle of the input, until somebody stops
// it and puts the file right.
func TestAJobStoppedInTheMiddleGoesOnWhereItWas(t *testing.T) {
	var input text
	rng, dir := random(t), t.TempDir()
	broken := filepath.Join(dir, "2.txt.gz")
	input.generate(rng, 60_000)
	input.take(t, filepath.Join(dir, "1.txt"))
	must(t, os.WriteFile(broken, []byte("cut off"), 0o644))
	job := wordcount{input: filepath.Join(dir, "*.txt*"), output: t.TempDir()}
	flags := []string{"--state", t.TempDir(), "--parallelism", "1", "--checkpoint-interval", "1ms", "--json"}

	stopped := job.stopAtFailure(t, broken, flags, func() {
		input.generate(rng, 20_000)
		input.take(t, broken)
	})
	if stopped.Code != 3 || !strings.Contains(stopped.Stderr, "interrupted after checkpoint ") {
		t.Fatalf("exit code %d: %s", stopped.Code, stopped.Stderr)
	}
	if got := committed(t, job.output); len(got) > 0 {
		t.Errorf("counts are shown although the input is not complete: %v", got)
	}

	rest := job.run(t, flags...)
	var s summary
	must(t, json.Unmarshal([]byte(rest.Stdout), &s))
	if rest.Code != 0 || !s.Finished || s.ResumedFrom == 0 || s.RowsRead >= input.lines {
		t.Errorf("exit code %d, %+v for %d lines: %s", rest.Code, s, input.lines, rest.Stderr)
	}
	compare(t, committed(t, job.output), input.counts)

	if again := job.run(t, flags...); again.Code != 0 {
		t.Errorf("started again at the end: exit code %d: %s", again.Code, again.Stderr)
	}
	compare(t, committed(t, job.output), input.counts)
}

// stopAtFailure runs the program until a file fails it after a checkpoint, stops it and repairs the file. The
// first flag gives the state directory.
func (w wordcount) stopAtFailure(t *testing.T, file string, flags []string, repair func()) programtest.Ran {
	t.Helper()
	r := w.start(t, flags...)
	for goes := true; goes; goes = !programtest.Begun(t, flags[1]) {
		if line := r.WaitFor(t, "failed, restarting"); !strings.Contains(line, file) {
			t.Fatalf("the line does not name %s: %s", file, line)
		}
	}
	r.Signal(t, os.Interrupt)
	repair()
	return r.Wait(t)
}

func TestMistakesAreOneLineAndTouchNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, []byte("text\n"), 0o644))
	missing := filepath.Join(dir, "missing", "*.txt")
	below := filepath.Join(file, "x")
	for name, c := range map[string]struct {
		input, output string
		flags         []string
		want          string
	}{
		"unknown flag":     {flags: []string{"--bogus"}, want: "unknown flag: --bogus"},
		"wrong value":      {flags: []string{"--retain", "many"}, want: `invalid argument "many" for "--retain"`},
		"an argument":      {flags: []string{"input.txt"}, want: `"input.txt"`},
		"missing input":    {input: missing, want: `source "lines": no file matches ` + missing},
		"unusable output":  {output: below, want: `sink "out": the output directory cannot be used`},
		"unusable state":   {flags: []string{"--state", below}, want: "state directory " + below + " cannot"},
		"no checkpoint 7":  {flags: []string{"--from", "7"}, want: "no checkpoint 7"},
		"nothing retained": {flags: []string{"--retain", "-1"}, want: "at least one must be kept"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			job := wordcount{input: cmp.Or(c.input, file), output: cmp.Or(c.output, out)}
			checkMistake(t, job.run(t, c.flags...), c.want)
			if _, err := os.Stat(out); !os.IsNotExist(err) {
				t.Errorf("%s exists: %v", out, err)
			}
		})
	}
}

func checkMistake(t *testing.T, r programtest.Ran, want string) {
	t.Helper()
	if r.Code != 2 || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("exit code %d, %q on standard output, %q", r.Code, r.Stdout, r.Stderr)
	}
	if !strings.HasPrefix(r.Stderr, "wordcount: ") || !strings.Contains(r.Stderr, want) {
		t.Errorf("%q does not say %q", r.Stderr, want)
	}
}

func TestHelpNamesTheFlags(t *testing.T) {
	ran := wordcount{}.run(t, "--help")
	for _, want := range []string{"Examples:\n  wordcount\n", "--state", "--parallelism", "--json"} {
		if ran.Code != 0 || !strings.Contains(ran.Stdout, want) {
			t.Errorf("exit code %d, no %q in %s", ran.Code, want, ran.Stdout)
		}
	}
}
