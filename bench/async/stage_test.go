package async

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func TestAReadTakesItsLatencyAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		must(t, store.PutIfAbsent(t.Context(), "x", []byte("abc")))
		r := &remote{Store: store}
		r.delay.Store(int64(20 * time.Millisecond))
		begin, p := time.Now(), make([]byte, 2)
		must(t, r.ReadAt(t.Context(), "x", p, 1))
		if took := time.Since(begin); took != 20*time.Millisecond || string(p) != "bc" || r.reads.Load() != 1 {
			t.Errorf("%q after %v", p, took)
		}
	})
}

func TestWhatWasLaidIsBelowAndComesBack(t *testing.T) {
	g := newGround(ofProcess(func() function { return &wideCounts{} }))
	must(t, g.lay(t.Context(), each(order(2000, laying), batchLen, oneByOne)))
	s, err := g.open(t.Context(), setting{})
	must(t, err)
	defer func() { must(t, s.close()) }()
	reads, fill := s.far.reads.Load(), each(order(2000, visiting), batchLen, oneByOne)
	for more := true; more; {
		more, err = s.feed(fill)
		must(t, err)
	}
	must(t, s.settle())
	if s.fed != 2000 || s.env.Stats.RowsOut.Load() != 2000 || s.env.Stats.Missed.Load() != 2000 {
		t.Errorf("%d rows, %d of them out, %d missed", s.fed, s.env.Stats.RowsOut.Load(), s.env.Stats.Missed.Load())
	}
	if s.far.reads.Load() == reads {
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
