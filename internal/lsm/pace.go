package lsm

import (
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// slice is how long a compaction computes before it asks whether others want the processor.
	slice = time.Millisecond
	// longestStep is the most that a step of a compaction, 128 keys, is taken to have computed: what lasts longer has
	// waited for the object store.
	longestStep = 2 * time.Millisecond
	// From restLess sublevels of L0 on, compactions rest less and less, and from neverRest on not at all.
	restLess  = 8
	neverRest = 16
)

// rest is for how long a compaction that has computed for a while gives way: for as long again, if others want the
// processor, so that it takes half of one; less, the further a shard is behind.
func rest(computed time.Duration, wanted bool, behind int) time.Duration {
	if !wanted {
		return 0
	}
	left := min(max(neverRest-behind, 0), neverRest-restLess)
	return computed * time.Duration(left) / (neverRest - restLess)
}

// effort is what a compaction has computed since it last gave way.
type effort struct {
	last     time.Time
	computed time.Duration
}

// step notes the end of a step. It returns what has been computed if that is a slice, and begins the next one.
func (e *effort) step(now time.Time) (computed time.Duration, slices bool) {
	if !e.last.IsZero() {
		e.computed += min(now.Sub(e.last), longestStep)
	}
	e.last = now
	if e.computed < slice {
		return 0, false
	}
	computed, e.computed = e.computed, 0
	return computed, true
}

// processors knows whether goroutines wait for one. It belongs to one goroutine.
type processors struct{ sample [1]metrics.Sample }

func (p *processors) wanted() bool {
	p.sample[0].Name = "/sched/goroutines/runnable:goroutines"
	metrics.Read(p.sample[:])
	return p.sample[0].Value.Kind() == metrics.KindUint64 && p.sample[0].Value.Uint64() > 0
}

// pauses are those of all compactions of the process.
type pauses struct{ nanos atomic.Int64 }

// turn is one granted compaction.
type turn struct {
	*turns
	effort effort
	wanted func() bool
}

func (t *turns) newTurn() *turn {
	wanted := t.res.wanted
	if wanted == nil {
		wanted = new(processors).wanted
	}
	return &turn{turns: t, wanted: wanted}
}

// Started implements pebble.CompactionGrantHandle.
func (t *turn) Started() {}

// CumulativeStats implements pebble.CompactionGrantHandle.
func (t *turn) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done implements pebble.CompactionGrantHandle.
func (t *turn) Done() { t.giveBack() }

// MeasureCPU implements pebble.CompactionGrantHandle. Pebble calls it after every 128 keys, holding no mutex: a
// compaction that is to give way does so here.
func (t *turn) MeasureCPU(kind pebble.CompactionGoroutineKind) {
	if kind != pebble.CompactionGoroutinePrimary {
		return
	}
	computed, ok := t.effort.step(time.Now())
	if !ok {
		return
	}
	if d := rest(computed, t.wanted(), t.urgency()); d > 0 {
		t.pauseFor(d)
		t.effort.last = time.Now()
	}
}

// pauseFor waits, at most until the shard is closed.
func (t *turn) pauseFor(d time.Duration) {
	begin := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ended:
	}
	t.res.pauses.nanos.Add(int64(time.Since(begin)))
}
