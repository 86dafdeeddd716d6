package aqtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

func TestAJobThatKeepsAllInStateSurvives(t *testing.T) {
	if got := sorted(Survives(t, numbered)); !slices.Equal(got, wantNumbered) {
		t.Errorf("%v", got)
	}
	if got := Survives(t, func(job *Job) aquifer.Stream[string] { return From[string](job, "none") }); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// forgetful numbers rows without state.
type forgetful struct {
	running
	counts map[string]int
}

func (f *forgetful) Process(_ *aquifer.Context, word *string, out aquifer.Collector[string]) error {
	f.counts[*word]++
	out.Emit(fmt.Sprint(*word, f.counts[*word]))
	return nil
}

// mapped is a job that applies a function to each word.
func mapped(fn func(string) string) func(*Job) aquifer.Stream[string] {
	return func(job *Job) aquifer.Stream[string] {
		return aquifer.Map(From(job, "words", words...), func(w *string) string { return fn(*w) })
	}
}

func TestPlantedMistakesAreFound(t *testing.T) {
	var all atomic.Int64
	for name, c := range map[string]struct {
		build func(*Job) aquifer.Stream[string]
		want  string
	}{
		"keeps counts in a map": {func(job *Job) aquifer.Stream[string] {
			return aquifer.Process(byWord(From(job, "words", words...)), "number",
				func() aquifer.ProcessFunc[string, string] { return &forgetful{counts: map[string]int{}} })
		}, "the result is another: 6 rows instead of 6; "},
		"counts beyond its life": {mapped(func(w string) string { return fmt.Sprint(w, all.Add(1)) }),
			"with [Crash(1)], the result is another"},
		"depends on chance": {mapped(func(w string) string { return fmt.Sprint(w, rand.Uint64()) }), "the result is another"},
	} {
		bubble.Test(t, func(t *testing.T) {
			if _, err := survives(t.Context(), c.build); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("a job that %s: %v, want %q", name, err, c.want)
			}
		})
	}
}

func TestADifferenceIsNamedByItsFirstRow(t *testing.T) {
	for _, c := range []struct{ got, want, difference string }{
		{"", "", ""},
		{"a b b", "a b b", ""},
		{"a", "a b", "1 rows instead of 2; missing is b"},
		{"a b b", "a b", "3 rows instead of 2; not wanted is b"},
		{"a c", "a b", "2 rows instead of 2; missing is b"},
		{"a b", "a c", "2 rows instead of 2; not wanted is b"},
	} {
		if got := differ(strings.Fields(c.got), strings.Fields(c.want)); got != c.difference {
			t.Errorf("%q instead of %q: %q, want %q", c.got, c.want, got, c.difference)
		}
	}
}

func TestRowsAreComparedWithAFile(t *testing.T) {
	Golden(t, filepath.Join("testdata", "words.ndjson"), Run(t, numbered, Parallelism(2)))
	Golden(t, filepath.Join("testdata", "none.ndjson"), []string{})
	if *update {
		return // now anything is right
	}
	said := failure(t, func(t testing.TB) { Golden(t, filepath.Join("testdata", "words.ndjson"), wantNumbered[1:]) })
	if !strings.Contains(said, `5 rows instead of 6; missing is "a1"; go test -aqtest.update`) {
		t.Errorf("%q", said)
	}
	missing := filepath.Join(t.TempDir(), "missing", "words.ndjson")
	said = failure(t, func(t testing.TB) { Golden(t, missing, wantNumbered) })
	if !strings.Contains(said, "-aqtest.update writes it") {
		t.Errorf("%q", said)
	}
	said = failure(t, func(t testing.TB) { Golden(t, missing, []chan int{nil}) })
	if !strings.Contains(said, "by their JSON") {
		t.Errorf("%q", said)
	}
}

func TestAGoldenFileIsWrittenWhenThatIsAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "words.ndjson")
	before := *update
	*update = true
	Golden(t, path, []string{"b", "a"})
	*update = before
	if text, err := os.ReadFile(path); err != nil || string(text) != "\"a\"\n\"b\"\n" {
		t.Errorf("%q, %v", text, err)
	}
	Golden(t, path, []string{"a", "b"})
}
