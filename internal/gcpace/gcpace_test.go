package gcpace

import (
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
		{"an empty heap may grow to the floor", 0, 0, 800},
		{"a small heap too", 8 * mb, 6 * mb, 400},
		{"tables without pointers do not double", 640 * mb, mb, 5},
		{"a heap full of pointers grows as usual", 640 * mb, 640 * mb, 100},
		{"half of it pointers, by half", 640 * mb, 320 * mb, 50},
	} {
		if got := percent(c.live, c.scan); got != c.want {
			t.Errorf("%s: %d percent, want %d", c.name, got, c.want)
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
	if g := goal(); g < floor {
		t.Errorf("the first collection is at %d bytes", g)
	}
	tables := make([][]byte, 0, 512)
	for range 512 {
		tables = append(tables, make([]byte, 1<<20)) // no pointers
	}
	// Each collection asks for an adjustment, which another goroutine makes.
	for range 1000 {
		runtime.GC()
		if g := goal(); g > 512<<20 && g < 640<<20 {
			break
		}
	}
	if g := goal(); g < 512<<20 || g > 640<<20 {
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
