package memory

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// share is a Sharer that uses what it is told to.
type share struct{ used, outside, limit atomic.Int64 }

func (s *share) Used() int64          { return s.used.Load() }
func (s *share) OutsideHeap() int64   { return s.outside.Load() }
func (s *share) SetLimit(bytes int64) { s.limit.Store(bytes) }
func (s *share) Within(limit int64)   { s.limit.Store(limit) }

func TestTheRuntimeKnowsTheLimitWhileTheManagerRuns(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	bubble.Test(t, func(t *testing.T) {
		limit := NewLimit(gb)
		m := NewManager(limit, &share{}, &share{}, &share{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		synctest.Wait()
		if now := debug.SetMemoryLimit(-1); now != gb {
			t.Errorf("the limit is %d", now)
		}
		limit.Set(2 * gb)
		<-time.After(2 * interval)
		synctest.Wait()
		if now := debug.SetMemoryLimit(-1); now != 2*gb {
			t.Errorf("the new limit is %d", now)
		}
		cancel()
		<-done
	})
	if now := debug.SetMemoryLimit(-1); now != before {
		t.Errorf("the limit is %d at the end, was %d", now, before)
	}
}

// Blocks may be in memory of C, which counts for the process all the same.
func TestWhatIsOutsideTheHeapIsCountedAndLeftToItsOwner(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	var tables, blocks share
	m := NewManager(NewLimit(gb), &tables, &blocks, &share{})
	grow := func(outside int64) {
		blocks.used.Store(outside)
		blocks.outside.Store(outside)
		for range 30 {
			runtime.GC()
			m.look()
		}
	}
	grow(0)
	before := tables.limit.Load()
	grow(200 * mb)
	if now := debug.SetMemoryLimit(-1); now != gb-200*mb {
		t.Errorf("the runtime may take %d MB", now/mb)
	}
	if left := tables.limit.Load(); left > before-100*mb {
		t.Errorf("tables may have %d MB beside 200 MB outside the heap, and %d MB without", left/mb, before/mb)
	}
}

func TestALimitOfTheUsersIsLeftAlone(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "3GiB")
	before := debug.SetMemoryLimit(math.MaxInt64 / 2)
	defer debug.SetMemoryLimit(before)
	m := NewManager(NewLimit(gb), &share{}, &share{}, &share{})
	m.look()
	if now := debug.SetMemoryLimit(-1); now != math.MaxInt64/2 {
		t.Errorf("the limit is %d", now)
	}
}

func TestWithoutALimitNothingIsDone(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	var tables, blocks share
	NewManager(NewLimit(0), &tables, &blocks, &share{}).Run(t.Context())
	if tables.limit.Load() != 0 || blocks.limit.Load() != 0 || debug.SetMemoryLimit(-1) != before {
		t.Error("shares were given, or the limit was set")
	}
}

// What the process of the test has alive beside its shares is little.
func TestSharesFollowWhatIsAlive(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "off")
	var tables, blocks share
	m := NewManager(NewLimit(gb), &tables, &blocks, &share{})
	rest := make([]byte, 400*mb)
	for range 30 {
		runtime.GC()
		m.look()
	}
	with := tables.limit.Load()
	runtime.KeepAlive(rest)
	rest = nil
	for range 30 {
		runtime.GC()
		m.look()
	}
	if without := tables.limit.Load(); with > 250*mb || without < with+200*mb || without > gb {
		t.Errorf("with 400 MB of other things tables have %d MB, without %d MB", with/mb, without/mb)
	}
}

func TestTablesThatHaveMoreThanALowerLimitGivesThemAreToldOfOnce(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "off")
	var tables, blocks share
	limit := NewLimit(gb)
	m := NewManager(limit, &tables, &blocks, &share{})
	m.look()
	tables.used.Store(500 * mb)
	m.look()
	if m.TakeOverfull() {
		t.Error("before the limit became less")
	}
	limit.Set(gb / 4)
	m.look()
	m.look()
	if !m.TakeOverfull() || m.TakeOverfull() {
		t.Error("not once")
	}
	limit.Set(gb / 5)
	tables.used.Store(10 * mb)
	m.look()
	if m.TakeOverfull() {
		t.Error("although they fit")
	}
}

func TestWhatHasNoShareIsToldTheLimitWheneverItChanges(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "off")
	var others share
	limit := NewLimit(gb)
	m := NewManager(limit, &share{}, &share{}, &others)
	for _, now := range []int64{gb, gb / 4, 2 * gb} {
		if now != gb { // it has been told before anything is looked at
			limit.Set(now)
			m.look()
		}
		if got := others.limit.Load(); got != now {
			t.Errorf("it is told %d MB, want %d", got/mb, now/mb)
		}
	}
}

func TestRowsBetweenSubtasksHaveAShareWhereThereIsALimit(t *testing.T) {
	if with, without := NewLimit(gb).Channels(), NewLimit(0).Channels(); with != gb/10 || without != 0 {
		t.Errorf("%d bytes, without a limit %d", with, without)
	}
}
