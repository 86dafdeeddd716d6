package diskcache

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

func TestWarmingReadsWhatIsMissingInFewRequestsForNothingElse(t *testing.T) {
	w := newWorld(t, 200)
	o, small := w.put("x", 100*chunkBytes-7), w.put("small", 9)
	w.read(t.Context(), o, 3*chunkBytes, 2*chunkBytes)
	w.remote.take()
	w.remote.hold = func(ctx context.Context, _ string) error {
		if p := objstore.PurposeOf(ctx); p != objstore.WarmUp {
			t.Errorf("read for %v", p)
		}
		return nil
	}
	must(t, w.store.Warm(t.Context(), []objstore.Object{o, small}, nil))
	w.asked(extent{"x", 0, 3 * chunkBytes}, extent{"x", 5 * chunkBytes, 69 * chunkBytes},
		extent{"x", 69 * chunkBytes, o.Size}, extent{"small", 0, 9})
	w.read(t.Context(), o, 0, int(o.Size))
	must(t, w.store.Warm(t.Context(), []objstore.Object{o, small}, nil))
	w.asked()
}

func TestWarmingEvictsNothing(t *testing.T) {
	w := newWorld(t, 30)
	used := w.put("used", 10*chunkBytes)
	w.read(t.Context(), used, 0, int(used.Size))
	a, b := w.put("a", 15*chunkBytes), w.put("b", 15*chunkBytes)
	must(t, w.store.Warm(t.Context(), []objstore.Object{a, b}, nil))
	if w.heldOf(used) != 10 || w.heldOf(a) != 15 || w.heldOf(b) != 5 || w.cache.Metrics().Evictions > 0 {
		t.Errorf("%d, %d, %d chunks, %+v", w.heldOf(used), w.heldOf(a), w.heldOf(b), w.cache.Metrics())
	}
}

func TestWarmingAnotherMachineBeginsWithWhatWasUsedLast(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		var objects []objstore.Object
		for _, name := range []string{"a", "b", "c"} {
			objects = append(objects, w.put(name, 20*chunkBytes))
			w.read(t.Context(), objects[len(objects)-1], 0, 20*chunkBytes)
		}
		pass(time.Minute)
		w.read(t.Context(), objects[1], 5*chunkBytes, 5*chunkBytes)
		pass(time.Minute)
		w.read(t.Context(), objects[2], 7*chunkBytes, 3*chunkBytes)
		hot := w.store.Hot(objects, 1<<20)

		other := newWorld(t, 100)
		other.remote.Store = w.remote.Store
		must(t, other.store.Warm(t.Context(), objects, hot))
		reads := other.remote.take()
		want := []extent{{"c", 7 * chunkBytes, 10 * chunkBytes}, {"b", 5 * chunkBytes, 10 * chunkBytes}}
		if !slices.Equal(reads[:2], want) {
			t.Errorf("%v, not %v first", reads, want)
		}
		for _, o := range objects {
			if other.heldOf(o) != 20 {
				t.Errorf("%d chunks of %s", other.heldOf(o), o.Name)
			}
		}
	})
}

func TestWarmingEndsWithItsContextAndWithTheStoresFailure(t *testing.T) {
	w := newWorld(t, 30)
	o, broken := w.put("x", 5), errors.New("broken")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.store.Warm(ended, []objstore.Object{o}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.remote.hold = func(context.Context, string) error { return broken }
	if err := w.store.Warm(t.Context(), []objstore.Object{o}, nil); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestAHotListThatCannotBeReadIsNone(t *testing.T) {
	want := []run{{1 << 63, 0, 1}, {7, 300, 70_000}}
	b := encodeHot(want, 100)
	if got := decodeHot(b); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	for i := range b {
		if got := decodeHot(b[:i]); got != nil {
			t.Errorf("%d bytes: %v", i, got)
		}
		b[i] ^= 4
		if got := decodeHot(b); got != nil {
			t.Errorf("a flipped bit in byte %d: %v", i, got)
		}
		b[i] ^= 4
	}
}

func TestAHotListIsAsShortAsItMustBe(t *testing.T) {
	var runs []run
	for i := range uint32(1000) {
		runs = append(runs, run{uint64(i), i, i + 1})
	}
	for _, limit := range []int{0, 5, 15, 16, 500} {
		b := encodeHot(runs, limit)
		got := decodeHot(b)
		if len(b) > max(limit, 5) || !slices.Equal(got, runs[:len(got)]) || len(got) < (limit-5)/13 {
			t.Errorf("%d bytes of at most %d, %d runs", len(b), limit, len(got))
		}
	}
}

func FuzzHotList(f *testing.F) {
	f.Add(encodeHot([]run{{1, 2, 3}, {4, 5, 6}}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range decodeHot(b) {
			if r.first >= maxObject/chunkBytes || r.count >= maxObject/chunkBytes {
				t.Errorf("%+v", r)
			}
		}
	})
}
