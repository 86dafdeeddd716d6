package async

import (
	"errors"
	"testing"
	"time"
)

func TestWhatWasLaidIsBelowAndComesBack(t *testing.T) {
	g := newGround(ofProcess(func() function { return &wideCounts{} }))
	must(t, g.lay(t.Context(), each(order(2000, laying), batchLen, oneByOne)))
	s, err := g.open(t.Context(), setting{})
	must(t, err)
	defer func() { must(t, s.close()) }()
	reads, fill := s.far.Count().All(), each(order(2000, visiting), batchLen, oneByOne)
	for more := true; more; {
		more, err = s.feed(fill)
		must(t, err)
	}
	must(t, s.settle())
	if s.fed != 2000 || s.env.Stats.RowsOut.Load() != 2000 || s.env.Stats.Missed.Load() != 2000 {
		t.Errorf("%d rows, %d of them out, %d missed", s.fed, s.env.Stats.RowsOut.Load(), s.env.Stats.Missed.Load())
	}
	if s.far.Count().All() == reads {
		t.Error("nothing was read")
	}
}

func TestWhereMemoryIsBoundedChangesAreWritten(t *testing.T) {
	g := newGround(ofProcess(func() function { return &wideCounts{} }))
	must(t, g.lay(t.Context(), each(order(4000, laying), batchLen, oneByOne)))
	names := g.names.Load()
	s, err := g.open(t.Context(), setting{memory: 1})
	must(t, err)
	defer func() { must(t, s.close()) }()
	fill := each(order(4000, visiting), batchLen, oneByOne)
	for more := true; more; {
		more, err = s.feed(fill)
		must(t, err)
	}
	must(t, s.settle())
	if g.names.Load() < names+2 { // the shard, and a table at least
		t.Errorf("%d names given out", g.names.Load()-names)
	}
}

func TestAWriteThatFailsEndsTheOperator(t *testing.T) {
	g := newGround(ofProcess(func() function { return &counts{} }))
	s, err := g.open(t.Context(), setting{latency: time.Hour})
	must(t, err)
	defer func() { must(t, s.close()) }()
	broken := errors.New("broken")
	s.end(broken)
	if err := s.wait(); !errors.Is(err, broken) {
		t.Error(err)
	}
}
