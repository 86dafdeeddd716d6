package aqtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
)

// open says whether a row may pass.
func open(g *gate) bool { return g.row() == nil }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAGateHoldsRowsAndEndsWhenSoManyHavePassed(t *testing.T) {
	g := &gate{}
	reached := g.hold(2)
	if !open(g) || g.end() != nil || !open(g) || closed(reached) {
		t.Error("held too early")
	}
	wait := g.row()
	if wait == nil || g.end() == nil || !closed(reached) || closed(wait) || g.rows() != 2 {
		t.Errorf("not held after %d rows", g.rows())
	}
	if again := g.hold(3); closed(again) || !closed(wait) || !open(g) || open(g) || !closed(again) {
		t.Errorf("held at the wrong row, after %d", g.rows())
	}
	g.open()
	if !open(g) || g.end() != nil || g.rows() != 4 {
		t.Error("held although it is open")
	}
	if g.rewind(1); g.rows() != 1 || !open(g) {
		t.Errorf("%d rows", g.rows())
	}
}

// prepared writes rows and returns what a checkpoint would hold of them.
func prepared(t *testing.T, s *sink[string], rows ...string) []byte {
	t.Helper()
	w, err := s.Open(t.Context(), flow.SinkSubtask{Parallelism: 1})
	if err != nil {
		t.Fatal(err)
	}
	b := &flow.Batch[string]{}
	for _, row := range rows {
		b.Append(row, flow.NoTime)
	}
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	p, err := w.Prepare(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return p.Committable
}

func TestRowsAreVisibleOnceWhenTheyAreCommitted(t *testing.T) {
	s := newSink[string]()
	first, second, lost := prepared(t, s, "a", "b"), prepared(t, s, "c"), prepared(t, s, "d")
	if len(s.rows()) > 0 {
		t.Errorf("%v is visible before it is committed", s.rows())
	}
	for range 2 { // as a process that goes on does it again
		if err := s.Commit(t.Context(), [][]byte{second, first}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Recover(t.Context(), [][]byte{first}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.rows(), ""); got != "cab" {
		t.Errorf("%s", got)
	}
	if err := s.Commit(t.Context(), [][]byte{lost}); err == nil {
		t.Error("what was not in the checkpoint was committed behind a restart")
	}
}

func TestALifeEndsWhenTheBarrierHasComeToAllWriters(t *testing.T) {
	s := newSink[string]()
	ctx, cancel := context.WithCancel(t.Context())
	s.crashAtBarrier(cancel)
	ended := make(chan error)
	for range 3 {
		w, err := s.Open(ctx, flow.SinkSubtask{Parallelism: 3})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := w.Prepare(ctx, 1)
			ended <- err
		}()
	}
	for range 3 {
		if err := <-ended; !errors.Is(err, errCrashed) {
			t.Error(err)
		}
	}
	if ctx.Err() == nil || len(s.prepared) > 0 {
		t.Errorf("%v is prepared", s.prepared)
	}
}

func TestAScriptThatIsShorterInALaterLifeIsRefused(t *testing.T) {
	life := 0
	_, err := Collect(t.Context(), func(job *Job) aquifer.Stream[string] {
		life++
		return From(job, "words", words[:7-3*life]...)
	}, Rescale(4, 1))
	if err == nil || !strings.Contains(err.Error(), "there are 1 steps, of which 4 have been given") {
		t.Error(err)
	}
}

func TestRowsOfAllSourcesAreCounted(t *testing.T) {
	both := func(job *Job) aquifer.Stream[string] {
		return aquifer.Union(From(job, "words", Rows("a", "b", "c")...), From(job, "numbers", Rows("1", "2")...))
	}
	for _, options := range [][]Option{{Crash(5)}, {Checkpoint(2), Crash(4)}, {Rescale(3, 2), Checkpoint(5), Crash(5)}} {
		if got := sorted(Run(t, both, options...)); !slices.Equal(got, []string{"1", "2", "a", "b", "c"}) {
			t.Errorf("%v: %v", options, got)
		}
	}
	if _, err := Collect(t.Context(), both, Crash(6)); err == nil || !strings.Contains(err.Error(), "has 5 rows") {
		t.Error(err)
	}
}
