package lsm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// aging is a shard with values that expire.
type aging struct {
	*world
	*Shard
}

func newAging(t *testing.T) aging {
	w := newWorld(t, 1)
	Tune(w.res, quiet)
	return aging{w, w.open(all)}
}

// random is so many bytes that nothing compresses.
func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// take takes in a table of keys: each is given a value that expires at a time, or deleted if that is zero.
func (a aging) take(keys []string, until func(i int) int64) {
	a.t.Helper()
	set := NewTableSet(a.t.Context(), a.store, a.newTableName)
	for i, k := range keys {
		switch u := until(i); u {
		case 0:
			must(a.t, set.Delete([]byte(k)))
		default:
			must(a.t, set.Set([]byte(k), append(base.AppendExpiry(nil, 0, u), random(a.rng, 100)...)))
		}
	}
	tables, err := set.Finish()
	must(a.t, err)
	must(a.t, a.Ingest(a.t.Context(), tables))
}

func allAt(until int64) func(int) int64 { return func(int) int64 { return until } }

func numbered(n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprintf("k%06d", i))
	}
	return keys
}

// sweep returns what a whole sweep finds.
func (a aging) sweep(now int64, ranges ...Range) (found []string) {
	a.t.Helper()
	if ranges == nil {
		ranges = []Range{all}
	}
	s := a.Sweep(now, ranges...)
	for {
		keys, err := s.Next(a.t.Context())
		must(a.t, err)
		if len(keys) == 0 {
			break
		}
		for _, k := range keys {
			found = append(found, string(k))
		}
	}
	must(a.t, s.Finish(a.t.Context()))
	return found
}

func TestASweepFindsWhatHasExpiredAndNothingElse(t *testing.T) {
	a, keys := newAging(t), numbered(5000)
	a.take(keys, func(i int) int64 { return int64(1 + i%10) })
	for at := range int64(12) {
		var want []string
		for i, k := range keys {
			if int64(1+i%10) <= at {
				want = append(want, k)
			}
		}
		if got := a.sweep(at); !slices.Equal(got, want) {
			t.Errorf("at %d: %d keys are found, %d have expired", at, len(got), len(want))
		}
	}
}

func TestASweepFindsWhatHasExpiredInMergedTablesToo(t *testing.T) {
	a, keys := newAging(t), numbered(3000)
	for i := range 3 {
		a.take(keys[1000*i:1000*i+1000], allAt(int64(10+i)))
	}
	must(t, a.Compact(t.Context()))
	if got := a.sweep(11); !slices.Equal(got, keys[:2000]) {
		t.Errorf("%d keys are found, 2000 have expired", len(got))
	}
}

func TestASweepKeepsToItsRanges(t *testing.T) {
	a := newAging(t)
	a.take([]string{"a1", "b1", "b2", "c1", "d1"}, allAt(5))
	got := a.sweep(9, Range{[]byte("b"), []byte("c")}, Range{[]byte("d"), []byte("e")})
	if want := []string{"b1", "b2", "d1"}; !slices.Equal(got, want) {
		t.Errorf("%q are found, want %q", got, want)
	}
}

func TestAValueWithoutExpiryIsNotFound(t *testing.T) {
	a := newAging(t)
	set := NewTableSet(t.Context(), a.store, a.newTableName)
	must(t, set.Set([]byte("a"), []byte("\x00a value without")))
	must(t, set.Set([]byte("b"), nil))
	must(t, set.Set([]byte("c"), base.AppendExpiry(nil, 0, 7)))
	tables, err := set.Finish()
	must(t, err)
	must(t, a.Ingest(t.Context(), tables))
	if got := a.sweep(100); !slices.Equal(got, []string{"c"}) {
		t.Errorf("%q are found", got)
	}
}

func TestAnOldVersionThatHasExpiredDoesNotMakeALiveKeyFound(t *testing.T) {
	a := newAging(t)
	a.take([]string{"a", "b"}, allAt(5))
	a.take([]string{"b"}, allAt(50))
	s := a.Sweep(10, all)
	f, err := s.look(t.Context())
	must(t, err)
	if len(f.keys) != 2 {
		t.Fatalf("%q are suspected: the newer version is to be hidden by the filter, or else this shows nothing", f.keys)
	}
	if got := a.sweep(10); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q are found", got)
	}
}

func TestASweepReadsWhatMayHaveExpiredOnly(t *testing.T) {
	a, keys := newAging(t), numbered(20_000)
	a.take(keys[:1000], allAt(10))
	a.take(keys[1000:], func(i int) int64 { return 100 + int64(i) })
	total := a.Metrics().Bytes
	const opening = 32 << 10 // of each table its end, and what says where its blocks are
	if a.sweep(5); a.Metrics().SweepBytes > 2*opening {
		t.Errorf("%d bytes of %d were read though nothing had expired", a.Metrics().SweepBytes, total)
	}
	before := a.Metrics().SweepBytes
	if got := a.sweep(100); len(got) != 1001 {
		t.Errorf("%d keys are found", len(got))
	}
	if read := a.Metrics().SweepBytes - before; read < total/30 || read > total/2 {
		t.Errorf("%d bytes of %d were read for a twentieth of the keys and what confirms them", read, total)
	}
}

func TestTheSpaceOfWhatWasDeletedIsFreedByTheNextSweep(t *testing.T) {
	a, keys := newAging(t), numbered(20_000)
	a.take(keys, allAt(10))
	must(t, a.Compact(t.Context())) // to the bottom
	before := a.Metrics().Bytes
	if got := a.sweep(10); len(got) != len(keys) {
		t.Fatalf("%d keys are found", len(got))
	}
	a.take(keys[:19_000], allAt(0))
	if after := a.Metrics().Bytes; after < before {
		t.Fatalf("deletions alone have freed %d bytes: this shows nothing", before-after)
	}
	if got := a.sweep(10); !slices.Equal(got, keys[19_000:]) {
		t.Errorf("%d keys are found, 1000 are left", len(got))
	}
	m := a.Metrics()
	if m.Bytes > before/10 || m.SweepCompactions != 1 || m.Sweeps != 2 || m.SweepFound != 21_000 {
		t.Errorf("%d bytes are left of %d: %+v", m.Bytes, before, m)
	}
}

func TestLittleThatIsDeadIsNotWorthACompaction(t *testing.T) {
	a, keys := newAging(t), numbered(10_000)
	a.take(keys, func(i int) int64 { return map[bool]int64{true: 10, false: 1000}[i < 1000] })
	a.take(keys[:1000], allAt(0))
	if got := a.sweep(10); len(got) != 0 {
		t.Errorf("%d keys are found", len(got))
	}
	if n := a.Metrics().SweepCompactions; n != 0 {
		t.Errorf("%d compactions", n)
	}
}

func TestASweepEndsWithItsContextAndWithTheShard(t *testing.T) {
	a := newAging(t)
	a.take(numbered(10), allAt(5))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Sweep(9, all).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with its context: %v", err)
	}
	if err := a.Compact(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a compaction with its context: %v", err)
	}
	must(t, a.Close())
	if _, err := a.Sweep(9, all).Next(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("with the shard: %v", err)
	}
}
