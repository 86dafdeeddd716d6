package keyed

import (
	"container/heap"
	"math"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Timers are times at which something is to happen for a key: a set for each key, and all of them in order. Of
// those that are also in the tables below, the earliest are in memory.
type Timers struct {
	entries[timerEntry, struct{}]
	name    string
	counts  []uint32 // timers by the store's slots, those included whose tombstones are not written
	buckets map[int64][]Slot
	times   timeHeap // those that have a bucket
	upTo    []int64  // by part: timers up to this time are all in memory
	least   int64    // of upTo
	fired   fired    // in this epoch
	firing  int64    // the time whose timers are firing; the largest number for none
	rest    []Slot   // those of them that have not
}

// timersAtOnce is about how many timers of a part are read at once.
const timersAtOnce = 256

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
	values, err := newVersions[struct{}](name)
	if err != nil {
		return nil, err
	}
	t := &Timers{name: name, buckets: map[int64][]Slot{}, least: math.MaxInt64, fired: noneFired, firing: math.MaxInt64}
	if core.Restored {
		t.least = math.MinInt64
	}
	for range core.Groups.Len() {
		t.upTo = append(t.upTo, t.least)
	}
	hash := func(e timerEntry) uint64 { return mix(base.HashWord(uint64(e.time)), e.owner) }
	t.entries = newEntries[timerEntry](core, values, hash)
	t.onDrop = func(e Slot) { t.counts[t.dir.key(e).owner]-- }
	t.dir.restrict(core, t.heavy, t.makeRoom)
	return t, core.add(t)
}

// Register sets a timer. Setting it twice is the same as once.
func (t *Timers) Register(s Slot, time int64) {
	e := t.place(s, time)
	if !t.column.has(e) {
		t.ref(e)
		t.expect(s, time)
	}
}

// place finds or makes the slot of a timer.
func (t *Timers) place(s Slot, time int64) Slot {
	e, made := t.create(s, timerEntry{time, s})
	if made {
		for int(s) >= len(t.counts) {
			t.counts = append(t.counts, 0)
		}
		t.counts[s]++
	}
	return e
}

// expect puts a timer into the order of times.
func (t *Timers) expect(s Slot, time int64) {
	bucket, ok := t.buckets[time]
	if !ok {
		heap.Push(&t.times, time)
	}
	t.buckets[time] = append(bucket, s)
}

// Cancel takes a timer back.
func (t *Timers) Cancel(s Slot, time int64) {
	e, known := t.find(s, timerEntry{time, s})
	switch {
	case known:
		t.entries.remove(s, e)
	case time > t.upTo[t.core.keys.partOf(s)]:
		t.entries.bury(s, t.place(s, time))
	}
}

// Next is the earliest time that may have a timer.
func (t *Timers) Next() (int64, bool) {
	if len(t.rest) > 0 {
		return t.firing, true
	}
	next := t.least
	if next < math.MaxInt64 {
		next++
	}
	if len(t.times) > 0 {
		next = min(next, t.times[0])
	}
	return next, len(t.times) > 0 || t.least < math.MaxInt64
}

// Pop takes all timers up to a time and calls a function for each, in the order of their times. The function may
// set and take back timers; those due are popped too.
func (t *Timers) Pop(upTo int64, fire func(s Slot, time int64) error) error {
	if err := t.core.keys.bring(); err != nil { // what an earlier call could not read
		return err
	}
	for {
		s, time, ok, err := t.pop(upTo)
		if err != nil || !ok {
			return err
		}
		if err := fire(s, time); err != nil {
			return err
		}
	}
}

// PopSome takes the first timers up to a time, at most n, and tells of each, in the order of their times. There may be
// more when it has taken n.
func (t *Timers) PopSome(upTo int64, n int, taken func(s Slot, time int64)) error {
	if err := t.core.keys.bring(); err != nil {
		return err
	}
	for range n {
		s, time, ok, err := t.pop(upTo)
		if err != nil || !ok {
			return err
		}
		taken(s, time)
	}
	return nil
}

// pop takes the first timer up to a time. Those that are not in memory are read when their turn comes: a part holds
// a few at once, so that what is read is not driven out again before it fires.
func (t *Timers) pop(upTo int64) (s Slot, time int64, ok bool, err error) {
	for {
		for len(t.rest) > 0 {
			s, t.rest = t.rest[0], t.rest[1:]
			if e, known := t.find(s, timerEntry{t.firing, s}); known && t.column.has(e) { // not taken back
				t.entries.remove(s, e)
				return s, t.firing, true, nil
			}
		}
		t.firing = math.MaxInt64
		switch first, there := t.first(); {
		case there && first <= min(upTo, t.least):
			t.begin(first)
		case t.least >= upTo:
			return 0, 0, false, nil
		case there:
			err = t.read(min(upTo, first))
		default:
			err = t.read(upTo)
		}
		if err != nil {
			return 0, 0, false, err
		}
	}
}

// first is the earliest time in memory that has timers, or had.
func (t *Timers) first() (time int64, ok bool) {
	if len(t.times) == 0 {
		return 0, false
	}
	return t.times[0], true
}

// begin makes the timers of the earliest time those that fire.
func (t *Timers) begin(time int64) {
	t.rest = t.buckets[time]
	delete(t.buckets, time)
	heap.Pop(&t.times)
	t.firing = time
	t.fired.add(time, len(t.rest))
}

// read brings the next timers of every part into memory, as far as they may be due, and the values of their keys.
func (t *Timers) read(upTo int64) error {
	d := t.Due(upTo)
	if err := d.Read(t.core.Context, t.core.Below); err != nil {
		return t.core.readError(err)
	}
	if err := t.takeDue(d); err != nil {
		return err
	}
	t.core.keys.charge()
	return t.core.keys.bring()
}

// take brings a timer into memory, unless it has been taken back there.
func (t *Timers) take(time int64, key []byte) error {
	s, _, err := t.core.keys.resolve(key)
	if err != nil {
		return err
	}
	if _, known := t.find(s, timerEntry{time, s}); known {
		return nil
	}
	e := t.place(s, time)
	t.writable(e).present.set(e)
	t.expect(s, time)
	return nil
}

const (
	// fewTimers of a part always stay when room is made for others: those that were read would go before their turn comes,
	// to be read again and again.
	fewTimers = 2 * timersAtOnce
	// leastTimers of a part stay when it is their keys that take the memory.
	leastTimers = 16
)

// makeRoom forgets timers of a part for others.
func (t *Timers) makeRoom(p int) { t.recede(p, fewTimers) }

// recede forgets the later half of a part's timers, as far as they are clean, if these are more than a few.
func (t *Timers) recede(p, few int) {
	var clean []Slot
	var times []int64
	for s := range t.dir.parts[p].slots {
		if t.column.clean(s) {
			clean, times = append(clean, s), append(times, t.dir.key(s).time)
		}
	}
	if len(times) <= few {
		return
	}
	slices.Sort(times)
	cut := times[len(times)/2]
	if len(t.times) > 0 {
		cut = max(cut, t.times[0])
	}
	for _, s := range clean {
		if t.dir.key(s).time > cut {
			t.column.evict(s)
			t.drop(s)
		}
	}
	t.upTo[p] = min(t.upTo[p], cut)
	t.least = min(t.least, cut)
}

func (t *Timers) info() StateInfo       { return StateInfo{Name: t.name, Kind: "timers"} }
func (t *Timers) has(s Slot) bool       { return int(s) < len(t.counts) && t.counts[s] > 0 }
func (t *Timers) clean(s Slot) bool     { return !t.has(s) }
func (t *Timers) evict(Slot)            {}
func (t *Timers) vacate(Slot)           {}
func (t *Timers) bytes() int64          { return t.entries.bytes() + int64(4*len(t.counts)+32*len(t.times)) }
func (t *Timers) accept([]string) error { return nil }

func (t *Timers) freeze() frozenState {
	appendOwner, entries := t.core.keys.view(), t.dir.keys
	pages, unfreeze := t.freezeEntries()
	f := &frozenTimers{behind: t.fired.behind(t.firing, t.core.Groups.Len())}
	f.time = func(e Slot) int64 { return entries[e>>pageBits][e&pageMask].time }
	f.frozenEntries = frozenEntries[struct{}]{
		frozenColumn: frozenColumn[struct{}]{
			frozenPages: pages, id: stateID(t.name), values: t.values, owners: t.dir.owner,
			appendKey: func(dst []byte, e Slot) []byte {
				entry := &entries[e>>pageBits][e&pageMask]
				return appendOwner(appendOrdered(dst, entry.time), entry.owner)
			},
			touchKeys: touchOwners(func(e Slot) Slot { return entries[e>>pageBits][e&pageMask].owner }, t.core.keys.toucher()),
		},
		unfreeze: unfreeze,
	}
	t.fired = noneFired
	return f
}
