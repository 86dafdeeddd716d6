package keyed

import (
	"sync/atomic"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/record"
)

func sizeOf[T any]() uintptr { var t T; return unsafe.Sizeof(t) }

// clock counts the epochs of a store. It belongs to the store's goroutine, but for written.
type clock struct {
	now     uint64        // the epoch that is running
	written atomic.Uint64 // the last epoch whose snapshot can be read from the tables below
}

// pending reports whether a snapshot that cannot be read from below yet has a page that was last changed in the
// epoch.
func (c *clock) pending(epoch uint64) bool { return epoch > c.written.Load() }

// settled reports whether all snapshots can be read from below.
func (c *clock) settled() bool { return c.written.Load() == c.now-1 }

// page holds the values of pageLen slots. It stays where it is, and is changed in place by the store's goroutine;
// what a snapshot still needs of it is saved before the first change of an epoch. Its bitmaps fill one line of
// memory, and when it changed was not worth another: that is in pageRef.
type page[V any] struct {
	present bitmap // slots that have a value
	dirty   bitmap // slots changed in the page's epoch
	vals    [pageLen]V
}

// pageRef is the page of a range of slots, the epoch of its last change, and its place among that epoch's
// changes.
type pageRef[V any] struct {
	*page[V]
	epoch uint64
	place uint32
}

// column is a paged column of values by slot.
type column[V any] struct {
	clock   *clock
	pages   []pageRef[V]
	changed []frozenPage[V]   // pages with changes of this epoch
	frozen  []*frozenPages[V] // snapshots that may not be durable yet
	spare   [][]V             // chunks of saved values that may be used again
	list    []frozenPage[V]   // a list of changes that may be used again
	bytes   int64
	slab    slab[page[V]]
	values  *versions[V]
	strings []uintptr // offsets of strings in V, which are copied when a value is kept
	next    V         // the value that is being set, of a type with strings
	// lastChange is the last epoch in which a page was changed.
	lastChange uint64
	dirtied    *amount // slots that have become dirty in the epoch, over all states of the store
	grain      int64   // the memory of a slot with its key, about, without heft
	heft       record.Heft
	older      []olderChanges // by page; nil where nothing is evicted
	outside    outside[V]     // nil for values that are whole in their pages
}

// outside is where values have what is not in their pages.
type outside[V any] interface {
	// taken is how many bytes it takes.
	taken() int64
	// giveUp is told of a value that goes, and whether the tables below have it.
	giveUp(v *V, written bool)
	// forgotten is told that a snapshot is no longer read.
	forgotten()
}

func newColumn[V any](core *core, values *versions[V]) column[V] {
	c := column[V]{
		clock: &core.clock, values: values, strings: record.LayoutOf[V]().Strings, dirtied: &core.dirtied,
	}
	if core.Budget.Limited() {
		c.older = []olderChanges{}
	}
	c.grain, c.heft = keyBytes+int64(sizeOf[V]()), record.HeftOf[V]()
	return c
}

// keyBytes is about what a key takes in memory.
const keyBytes = 32

// amount is a number of entries, and about the bytes of memory that they take.
type amount struct{ entries, bytes int64 }

func (a *amount) add(entries, grain int64) {
	a.entries += entries
	a.bytes += entries * grain
}

// at returns the page of a slot, or nil if nothing was ever there.
func (c *column[V]) at(s Slot) *page[V] {
	if i := int(s >> pageBits); i < len(c.pages) {
		return c.pages[i].page
	}
	return nil
}

// has reports whether the slot has a value.
func (c *column[V]) has(s Slot) bool {
	p := c.at(s)
	return p != nil && p.present.has(s)
}

// holds reports whether the slot has a value, or lost one and no snapshot has said so yet.
func (c *column[V]) holds(s Slot) bool {
	p := c.at(s)
	return p != nil && (p.present.has(s) || p.dirty.has(s) && c.clock.pending(c.pages[s>>pageBits].epoch))
}

// writable returns the slot's page, ready to be changed in this epoch.
func (c *column[V]) writable(s Slot) *page[V] {
	i := int(s >> pageBits)
	if i < len(c.pages) {
		if p := &c.pages[i]; p.epoch == c.clock.now {
			return p.page
		}
	}
	return c.begin(i)
}

// begin makes the first change of a page in this epoch possible.
func (c *column[V]) begin(i int) *page[V] {
	for i >= len(c.pages) {
		c.pages = append(c.pages, pageRef[V]{})
	}
	ref := &c.pages[i]
	c.remember(i)
	switch {
	case ref.page == nil:
		ref.page = c.slab.next()
		c.bytes += int64(sizeOf[page[V]]())
	case c.clock.pending(ref.epoch) && !skipCopy:
		for _, f := range c.frozen {
			f.keep(ref)
		}
	}
	c.lastChange = c.clock.now
	ref.epoch, ref.dirty, ref.place = c.clock.now, bitmap{}, uint32(len(c.changed))
	c.changed = append(c.changed, frozenPage[V]{live: ref.page, index: uint32(i)})
	return ref.page
}

// skipCopy is set by the test that shows that pages must be saved.
var skipCopy = false

// ref returns the slot's value to be changed in place, making a zero value if there is none.
func (c *column[V]) ref(s Slot) *V {
	p := c.writable(s)
	p.present.set(s)
	c.taint(p, s)
	return &p.vals[s&pageMask]
}

// taint marks a slot as changed in this epoch.
func (c *column[V]) taint(p *page[V], s Slot) {
	if !p.dirty.has(s) {
		p.dirty.set(s)
		c.dirtied.add(1, c.grain+c.heft.Each())
	}
}

func (c *column[V]) set(s Slot, v *V) {
	to := c.ref(s)
	if len(c.strings) > 0 {
		v = c.owned(to, v)
	}
	*to = *v
	c.heft.Take(unsafe.Pointer(to))
}

// owned is a copy of a value whose strings are the column's own: those of the value before where they are the same, as
// most are in a row that counts something.
func (c *column[V]) owned(before, v *V) *V {
	c.next = *v
	for _, off := range c.strings {
		had := *(*string)(unsafe.Add(unsafe.Pointer(before), off))
		if s := (*string)(unsafe.Add(unsafe.Pointer(&c.next), off)); *s == had {
			*s = had
		} else {
			*s = string(append([]byte(nil), *s...))
		}
	}
	return &c.next
}

// kept makes a value that has been set the column's own.
func (c *column[V]) kept(v *V) {
	if len(c.strings) > 0 {
		record.CloneStrings(unsafe.Pointer(v), c.strings)
	}
	c.heft.Take(unsafe.Pointer(v))
}

// held is the memory of the column when it has so many values.
func (c *column[V]) held(values int) int64 {
	held := c.bytes + int64(values)*c.heft.Each()
	if c.outside != nil {
		held += c.outside.taken()
	}
	return held
}

// weight is what so many values take beyond their pages, and what these do.
func (c *column[V]) weight(values int) (held, pages int64) {
	pages = int64(c.slab.total) * int64(sizeOf[page[V]]())
	return c.held(values) - pages, pages
}

// clear takes the value away and reports whether there was one.
func (c *column[V]) clear(s Slot) bool {
	if !c.has(s) {
		return false
	}
	p := c.writable(s)
	p.present.unset(s)
	c.taint(p, s)
	c.empty(p, s, false)
	return true
}

// empty makes a slot's value zero. written says that the tables below have it.
func (c *column[V]) empty(p *page[V], s Slot, written bool) {
	v := &p.vals[s&pageMask]
	if c.outside != nil {
		c.outside.giveUp(v, written)
	}
	var zero V
	*v = zero
}

// bury makes the next snapshot say that the slot has no value, whatever the tables below say.
func (c *column[V]) bury(s Slot) {
	p := c.writable(s)
	p.present.unset(s)
	c.taint(p, s)
}

// fill gives a slot the value that the tables below have for it, which is no change.
func (c *column[V]) fill(s Slot, encoded []byte) error {
	p := c.writable(s)
	if err := c.values.decode(encoded, &p.vals[s&pageMask]); err != nil {
		return err
	}
	p.present.set(s)
	c.heft.Take(unsafe.Pointer(&p.vals[s&pageMask]))
	return nil
}

// clean reports whether the tables below have what the slot has.
func (c *column[V]) clean(s Slot) bool {
	p := c.at(s)
	if p == nil || !c.clock.pending(c.pages[s>>pageBits].epoch) {
		return true
	}
	return !p.dirty.has(s) && (c.clock.settled() || c.writtenBefore(s))
}

// evict forgets a clean slot's value. A snapshot that has its page has changes of others in there: they are saved first.
func (c *column[V]) evict(s Slot) {
	p := c.at(s)
	if p == nil {
		return
	}
	if c.clock.pending(c.pages[s>>pageBits].epoch) {
		p = c.writable(s)
	}
	p.present.unset(s)
	c.empty(p, s, true)
}

// touch reads from the pages of many slots, so that the waits for memory overlap.
func (c *column[V]) touch(slots []Slot) (sum uint64) {
	for _, s := range slots {
		if p := c.at(s); p != nil {
			sum += p.present[0] + uint64(*(*byte)(unsafe.Pointer(&p.vals[s&pageMask])))
		}
	}
	return sum
}
