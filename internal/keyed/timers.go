package keyed

import (
	"container/heap"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Timers are times at which something is to happen for a key: a set for each key, and all of them in order.
type Timers struct {
	entries[timerEntry, struct{}]
	name    string
	counts  []uint32 // timers by the store's slots, those included whose tombstones are not written
	buckets map[int64][]Slot
	times   timeHeap // those that have a bucket
}

type timerEntry struct {
	time  int64
	owner Slot
}

// timeHeap is a min-heap of times.
type timeHeap []int64

func (h timeHeap) Len() int           { return len(h) }
func (h timeHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h timeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timeHeap) Push(x any)        { *h = append(*h, x.(int64)) }
func (h *timeHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// NewTimers adds a set of timers to a store.
func NewTimers(r Registry, name string) (*Timers, error) {
	core := r.registry()
	t := &Timers{name: name, buckets: map[int64][]Slot{}}
	var err error
	hash := func(e timerEntry) uint64 { return mix(base.HashWord(uint64(e.time)), e.owner) }
	if t.entries, err = newEntries[timerEntry, struct{}](core, name, hash); err != nil {
		return nil, err
	}
	t.onDrop = func(e Slot) { t.counts[t.dir.key(e).owner]-- }
	return t, core.add(t)
}

// Register sets a timer. Setting it twice is the same as once.
func (t *Timers) Register(s Slot, time int64) {
	e, made := t.create(s, timerEntry{time, s})
	if made {
		for int(s) >= len(t.counts) {
			t.counts = append(t.counts, 0)
		}
		t.counts[s]++
	}
	if t.column.has(e) {
		return
	}
	t.ref(e)
	bucket, ok := t.buckets[time]
	if !ok {
		heap.Push(&t.times, time)
	}
	t.buckets[time] = append(bucket, s)
}

// Cancel takes a timer back.
func (t *Timers) Cancel(s Slot, time int64) {
	if e, ok := t.find(s, timerEntry{time, s}); ok {
		t.entries.remove(s, e)
	}
}

// Next is the earliest time that may have a timer.
func (t *Timers) Next() (int64, bool) {
	if len(t.times) == 0 {
		return 0, false
	}
	return t.times[0], true
}

// Pop takes all timers up to a time and calls a function for each, in the order of their times and, for
// one time, of their registration. The function may set and take back timers; those due are popped too.
func (t *Timers) Pop(upTo int64, fire func(s Slot, time int64) error) error {
	for len(t.times) > 0 && t.times[0] <= upTo {
		time := t.times[0]
		bucket := t.buckets[time]
		delete(t.buckets, time)
		heap.Pop(&t.times)
		for _, s := range bucket {
			e, ok := t.find(s, timerEntry{time, s})
			if !ok {
				continue // taken back
			}
			t.entries.remove(s, e)
			if err := fire(s, time); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Timers) info() StateInfo        { return StateInfo{Name: t.name, Kind: "timers"} }
func (t *Timers) has(s Slot) bool        { return int(s) < len(t.counts) && t.counts[s] > 0 }
func (t *Timers) bytes() int64           { return t.entries.bytes() + int64(4*len(t.counts)+32*len(t.times)) }
func (t *Timers) accept(StateInfo) error { return nil }

func (t *Timers) parse(rest []byte) (time int64, s Slot, err error) {
	if time, rest, err = takeOrdered(rest); err == nil {
		s, _, err = t.core.keys.resolve(rest)
	}
	return time, s, err
}

func (t *Timers) set(rest, _ []byte) error {
	time, s, err := t.parse(rest)
	if err == nil {
		t.Register(s, time)
	}
	return err
}

func (t *Timers) remove(rest []byte) error {
	time, s, err := t.parse(rest)
	if err == nil {
		t.Cancel(s, time)
		t.core.cleared = append(t.core.cleared, s)
	}
	return err
}

func (t *Timers) removeRange(int, []byte) error { return nil }

func (t *Timers) freeze(full bool) frozenState {
	appendOwner, entries := t.core.keys.view(), t.dir.keys
	pages, unfreeze := t.freezeEntries(full)
	return &frozenEntries[struct{}]{
		frozenColumn: frozenColumn[struct{}]{
			frozenPages: pages, id: stateID(t.name), codec: t.column.codec, owners: t.dir.owner,
			appendKey: func(dst []byte, e Slot) []byte {
				entry := &entries[e>>pageBits][e&pageMask]
				return appendOwner(appendOrdered(dst, entry.time), entry.owner)
			},
		},
		unfreeze: unfreeze,
	}
}
