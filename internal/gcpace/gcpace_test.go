package gcpace

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestTheHeapMayGrowByWhatThereIsToScan(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		name       string
		live, scan uint64
		want       int
	}{
		{"an empty heap may grow to the floor", 0, 0, 3200},
		{"a small heap too", 8 * mb, 6 * mb, 1600},
		{"tables without pointers do not double", 640 * mb, mb, 20},
		{"a heap full of pointers grows as usual", 640 * mb, 640 * mb, 100},
		{"half of it pointers, by half", 640 * mb, 320 * mb, 50},
	} {
		if got := percent(c.live, c.scan, most); got != c.want {
			t.Errorf("%s: %d percent, want %d", c.name, got, c.want)
		}
	}
}

func TestALimitOnMemoryLeavesLessForGarbage(t *testing.T) {
	const mb = 1 << 20
	for limit, want := range map[int64]uint64{
		100 * mb: 32 * mb, 512 * mb: 64 * mb, 1 << 30: 128 * mb, math.MaxInt64: 128 * mb,
	} {
		if got := floor(limit); got != want {
			t.Errorf("of %d MiB: %d MiB, want %d", limit/mb, got/mb, want/mb)
		}
	}
}

// goal is the heap size that the next collection waits for.
func goal() uint64 {
	m := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}

func TestThePaceFollowsTheHeapAndEndsWithStop(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	stop := Start()
	if g := goal(); g < most {
		t.Errorf("the first collection is at %d bytes", g)
	}
	tables := make([][]byte, 0, 512)
	for range 512 {
		tables = append(tables, make([]byte, 1<<20)) // no pointers
	}
	const from, to = 600 << 20, 700 << 20
	for range 1000 { // another goroutine looks
		runtime.GC()
		if g := goal(); g > from && g < to {
			break
		}
	}
	if g := goal(); g < from || g > to {
		t.Errorf("half a gigabyte without pointers is collected at %d bytes", g)
	}
	runtime.KeepAlive(tables)
	stop()
	stop()
	if p := debug.SetGCPercent(100); p != 100 {
		t.Errorf("%d percent are left behind", p)
	}
}

func TestAUsersPercentageIsLeftAlone(t *testing.T) {
	before := debug.SetGCPercent(70)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "70")
	defer Start()()
	if p := debug.SetGCPercent(70); p != 70 {
		t.Errorf("it was set to %d", p)
	}
}

// heap is one with so much alive, beside which a collection takes so many seconds of a processor, of two that make a
// gigabyte of garbage a second.
type heap struct {
	live  uint64
	cycle float64
	limit int64
}

// share is what part of the processors collections take when so much garbage is waited for.
func (h heap) share(garbage uint64) float64 {
	between := float64(garbage) / (1 << 30)
	return h.cycle / (2*between + h.cycle)
}

func TestDearCollectionsBecomeFewerAsFarAsThereIsRoom(t *testing.T) {
	const mb, none = 1 << 20, math.MaxInt64
	for _, c := range []struct {
		name string
		heap
		least, greatest uint64
	}{
		{"cheap ones stay as they are", heap{1000 * mb, 0.005, none}, most, most},
		{"dear ones wait for so much that they are not", heap{4000 * mb, 0.1, none}, 600 * mb, 800 * mb},
		{"but no more than half of what is alive", heap{600 * mb, 0.3, none}, 300 * mb, 300 * mb},
		{"and half of what a limit leaves", heap{1100 * mb, 0.3, 2000 * mb}, 450 * mb, 450 * mb},
		{"or the floor, if that is less", heap{1900 * mb, 0.3, 2000 * mb}, most, most},
		{"which a heap beyond its limit has too", heap{2100 * mb, 0.3, 2000 * mb}, most, most},
	} {
		garbage := uint64(most)
		for range 100 {
			garbage = worth(garbage, c.share(garbage), c.live, c.limit)
		}
		if garbage < c.least || garbage > c.greatest {
			t.Errorf("%s: %d MB, want %d to %d", c.name, garbage/mb, c.least/mb, c.greatest/mb)
		}
	}
	if got := worth(800*mb, 0.01, 4000*mb, none); got != 640*mb {
		t.Errorf("when collections have become cheap, %d MB are waited for, want %d", got/mb, 640)
	}
}
