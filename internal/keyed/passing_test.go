package keyed

import (
	"errors"
	"fmt"
	"testing"
)

// gatherInto passes batches of entries with values of a size, and returns how many it could pass.
func gatherInto(p *passing, batches, entries, size int) int {
	for n := range batches {
		batch := p.empty()
		if batch == nil {
			return n
		}
		batch.reset(batch.arena[:0])
		for i := range entries {
			at := batch.begin()
			batch.arena = fmt.Appendf(batch.arena, "%04d/%04d", n, entries-i)
			value := len(batch.arena)
			batch.arena = append(batch.arena, make([]byte, size)...)
			batch.add(at, value, false)
		}
		batch.sort()
		p.pass(batch)
	}
	return batches
}

func TestBatchesAreWrittenInTheOrderInWhichTheyArePassed(t *testing.T) {
	var w tapeOf
	p := newPassing(&w)
	few := 0
	for n := range 10 * batchesUnderWay {
		gatherInto(p, 1, n%3, 0) // some are empty
		few += n % 3
	}
	if gatherInto(p, 5*batchesUnderWay, 4, 8) != 5*batchesUnderWay {
		t.Error("not all batches could be passed")
	}
	must(t, p.end())
	if want := few + 20*batchesUnderWay; len(w.keys) != want {
		t.Fatalf("%d entries are written of %d", len(w.keys), want)
	}
	for i, k := range w.keys[few:] {
		if want := fmt.Sprintf("%04d/%04d", i/4, i%4+1); string(keyIn(k)) != want {
			t.Fatalf("entry %d is %q, want %q", i, k, want)
		}
	}
}

// slow is a writer that takes nothing until it is told to, and fails at the end.
type slow struct {
	tapeOf
	begin, failed chan struct{}
	after         int
}

var errFull = errors.New("full")

func (w *slow) Set(k, v []byte) error {
	<-w.begin
	if w.after--; w.after < 0 {
		close(w.failed)
		return errFull
	}
	return w.tapeOf.Set(k, v)
}

func TestWhatIsGatheredWaitsForAWriterThatIsSlow(t *testing.T) {
	for _, c := range []struct{ size, want int }{{0, batchesUnderWay}, {bytesUnderWay / 3, 3}, {2 * bytesUnderWay, 1}} {
		w := &slow{begin: make(chan struct{}), after: 100}
		p := newPassing(w)
		if n := gatherInto(p, c.want, 1, c.size); n != c.want {
			t.Errorf("%d batches of %d bytes could be passed", n, c.size)
		}
		if p.under != batchesUnderWay && p.bytes <= bytesUnderWay {
			t.Errorf("another batch of %d bytes would not have to wait: %d and %d bytes are on their way", c.size, p.under, p.bytes)
		}
		close(w.begin)
		gatherInto(p, 2, 1, 0)
		must(t, p.end())
		if len(w.keys) != c.want+2 {
			t.Errorf("%d entries are written", len(w.keys))
		}
	}
}

func TestGatheringEndsWhenAWriterFails(t *testing.T) {
	w := &slow{begin: make(chan struct{}), failed: make(chan struct{}), after: 3}
	close(w.begin)
	p := newPassing(w)
	if n := gatherInto(p, 1000, 1, 100_000); n >= 1000 {
		t.Errorf("%d batches could be passed to a writer that failed after 3", n)
	}
	if err := p.end(); !errors.Is(err, errFull) {
		t.Errorf("it ended with %v", err)
	}
	if len(w.keys) != 3 {
		t.Errorf("%d entries are written", len(w.keys))
	}
}
