package lsm

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// ReaderBytes is about what a reader takes that finds indexes and filters in the cache: 100 KiB for its goroutine, and
// what the client of the store holds for a request.
const ReaderBytes = 256 << 10

// readers bounds how many requests for reads a process has under way, and so the memory for them. Whoever waits
// gets its turn in the order of arrival.
//
// An iterator that loads the index and the filter of a table gets half a megabyte before them too and holds it while it
// is in the table, of each level. So a reader counts as several, as long as those before it have met such tables: when
// nothing is in the cache yet, after a restore, a few readers take as much memory as hundreds do later.
type readers struct {
	slots   *semaphore.Weighted
	most    int64        // slots
	allowed atomic.Int64 // readers of ReaderBytes at a time: where memory is short each takes several slots
	each    atomic.Int64
	waiting atomic.Int64
	near    *near // nil if the store is not on the machine
}

const (
	// readersShare is the part of memory, as 1/readersShare, that all readers together may take.
	readersShare = 10
	// leastReaders are always allowed.
	leastReaders = 64
)

func newReaders(n int) *readers {
	r := &readers{slots: semaphore.NewWeighted(int64(n)), most: int64(n)}
	r.allowed.Store(r.most)
	return r
}

// within makes those to come keep to their share of memory.
func (r *readers) within(memory int64) {
	r.allowed.Store(min(r.most, max(leastReaders, memory/readersShare/ReaderBytes)))
}

// readBefore is how much Pebble reads before the index of a table, which is not in the cache, for its filter.
const readBefore = 512 << 10

// expect says that readers are about to take so many bytes each. Those that end say otherwise.
func (r *readers) expect(bytes int64) { r.each.Store(max(bytes, r.each.Load())) }

// weight is how many slots a reader of so many bytes takes.
func (r *readers) weight(bytes int64) int64 {
	allowed := r.allowed.Load()
	return min(((1+bytes/ReaderBytes)*r.most+allowed-1)/allowed, r.most)
}

// Crowded reports whether reads wait for their turn: more of them would wait for longer.
func (r *Resources) Crowded() bool { return r.readers.waiting.Load() > 0 }

// tryTake takes slots for a reader, if they are free.
func (r *readers) tryTake(a *asked) bool {
	if !r.near.tryEnter() {
		return false
	}
	n := r.weight(r.each.Load())
	if !r.slots.TryAcquire(n) {
		r.near.leave()
		return false
	}
	a.slots = n
	return true
}

// take waits for slots for a reader until the context ends, which is the error.
func (r *readers) take(ctx context.Context, a *asked) error {
	if r.tryTake(a) {
		return nil
	}
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	if err := r.near.enter(ctx); err != nil {
		return err
	}
	n := r.weight(r.each.Load())
	if err := r.slots.Acquire(ctx, n); err != nil {
		r.near.leave()
		return context.Cause(ctx)
	}
	a.slots = n
	return nil
}

// learning is over about how many keys the mean of what readers take is.
const learning = 8

// settle gives back what a reader has taken and does not need, now that it has looked up a key. Of two that do so at
// once, one may not count.
func (r *readers) settle(a *asked) {
	each := r.each.Load()
	r.each.Store(each + (a.held-each)/learning)
	if needless := a.slots - r.weight(a.held); needless > 0 {
		r.slots.Release(needless)
		a.slots -= needless
	}
}

// give gives back all slots of a reader whose iterator has been closed.
func (r *readers) give(a *asked) {
	r.near.leave()
	r.slots.Release(a.slots)
}

// permission is what an iterator may ask of the object store.
type permission uint8

const (
	granted   permission = iota // it has its slots, or needs none
	onRequest                   // it takes slots when it needs them, if they are free
	refused                     // it may read from the cache only
)

// permit says whether a request may be made now.
func (a *asked) permit() bool {
	if a.permission == onRequest {
		a.permission = refused
		if a.readers.tryTake(a) {
			a.permission = granted
		}
	}
	return a.permission == granted
}
