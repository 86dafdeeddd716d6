package keyed

import (
	"sync/atomic"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

func sizeOf[T any]() uintptr { var t T; return unsafe.Sizeof(t) }

// clock counts the epochs of a store. It belongs to the store's goroutine, but for written.
type clock struct {
	now     uint64        // the epoch that is running
	full    uint64        // the last epoch whose snapshot took all entries, changed or not
	written atomic.Uint64 // the last epoch whose snapshot is durable
}

// pending reports whether a snapshot that is not durable yet has a page that was last changed in the epoch.
func (c *clock) pending(epoch uint64) bool { return max(epoch, c.full) > c.written.Load() }

// page holds the values of pageLen slots. It belongs to the store's goroutine, which changes it in place unless it
// is of an earlier epoch and pending: then a snapshot still reads it, and it is replaced by a copy before the
// change. Its bitmaps fill one line of memory, and when it came was not worth another: that is in pageRef.
type page[V any] struct {
	present bitmap // slots that have a value
	dirty   bitmap // slots changed in the page's epoch
	vals    [pageLen]V
}

// pageRef is the present page of a range of slots, and the epoch of its last change.
type pageRef[V any] struct {
	*page[V]
	epoch uint64
}

// changedPage is a page with changes, its number, and whether it changed in the epoch of its snapshot.
type changedPage[V any] struct {
	*page[V]
	index   uint32
	changed bool
}

// column is a paged column of values by slot.
type column[V any] struct {
	clock   *clock
	pages   []pageRef[V]
	changed []changedPage[V] // pages with changes of this epoch
	free    []*page[V]       // that snapshots had and nobody has any longer
	bytes   int64
	slab    slab[page[V]]
	codec   *record.ValueCodec[V]
	strings []uintptr // offsets of strings in V, which are copied when a value is kept
}

func newColumn[V any](clock *clock, name string) (column[V], error) {
	codec, err := record.NewValueCodec[V]()
	if err != nil {
		return column[V]{}, base.Errorf(base.Config, "state %q: %w", name, err)
	}
	return column[V]{clock: clock, codec: codec, strings: record.LayoutOf[V]().Strings}, nil
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
	switch {
	case ref.page == nil:
		ref.page = c.newPage()
		*ref.page = page[V]{}
	case c.clock.pending(ref.epoch) && !skipCopy:
		n := c.newPage() // the snapshot keeps the old one
		n.present, n.vals = ref.present, ref.vals
		ref.page = n
	}
	ref.epoch, ref.dirty = c.clock.now, bitmap{}
	c.changed = append(c.changed, changedPage[V]{ref.page, uint32(i), true})
	return ref.page
}

// newPage returns a page with undefined contents.
func (c *column[V]) newPage() *page[V] {
	if n := len(c.free); n > 0 {
		p := c.free[n-1]
		c.free = c.free[:n-1]
		return p
	}
	c.bytes += int64(sizeOf[page[V]]())
	return c.slab.next()
}

// skipCopy is set by the test that shows that the copy of a pending page is needed.
var skipCopy = false

// ref returns the slot's value to be changed in place, making a zero value if there is none.
func (c *column[V]) ref(s Slot) *V {
	p := c.writable(s)
	p.present.set(s)
	p.dirty.set(s)
	return &p.vals[s&pageMask]
}

func (c *column[V]) set(s Slot, v *V) {
	to := c.ref(s)
	*to = *v
	if len(c.strings) > 0 {
		keepStrings(unsafe.Pointer(to), c.strings)
	}
}

// clear takes the value away and reports whether there was one.
func (c *column[V]) clear(s Slot) bool {
	if !c.has(s) {
		return false
	}
	p := c.writable(s)
	p.present.unset(s)
	p.dirty.set(s)
	var zero V
	p.vals[s&pageMask] = zero
	return true
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

// keepStrings replaces the strings at the offsets by copies, so that the value does not hold on to the
// memory that they are parts of.
func keepStrings(p unsafe.Pointer, offsets []uintptr) {
	for _, off := range offsets {
		s := (*string)(unsafe.Add(p, off))
		*s = string(append([]byte(nil), *s...))
	}
}

// frozenPages are the changed pages of a column as of a freeze.
type frozenPages[V any] struct {
	column *column[V]
	pages  []changedPage[V]
	full   bool
}

// freeze takes the pages changed in the epoch that ends, or all. The caller then begins a new epoch.
func (c *column[V]) freeze(full bool) *frozenPages[V] {
	f := &frozenPages[V]{column: c, pages: c.changed, full: full}
	c.changed = nil
	if full {
		f.pages = nil
		for i, p := range c.pages {
			if p.page != nil {
				f.pages = append(f.pages, changedPage[V]{p.page, uint32(i), p.epoch == c.clock.now})
			}
		}
	}
	return f
}

// entries yields the changed slots of one page with their values; nil for one that was cleared.
func (f *frozenPages[V]) entries(n int, visit func(s Slot, v *V)) {
	p := f.pages[n]
	changed := p.dirty
	if f.full {
		changed = p.present
	}
	base := Slot(p.index) << pageBits
	for i := range changed.all {
		if p.present.has(i) {
			visit(base+i, &p.vals[i])
		} else {
			visit(base+i, nil)
		}
	}
}

// recycle takes the pages that have been replaced since, when the snapshot is durable and no later one has them.
func (f *frozenPages[V]) recycle() {
	c := f.column
	for _, p := range f.pages {
		if c.pages[p.index].page == p.page {
			continue
		}
		if len(c.strings) > 0 {
			*p.page = page[V]{} // do not hold on to what they point to
		}
		c.free = append(c.free, p.page)
	}
}

// release marks the changes as changes of the epoch that is running now.
func (f *frozenPages[V]) release() {
	for _, from := range f.pages {
		if !from.changed {
			continue // it belongs to a whole snapshot, but did not change
		}
		changed := from.dirty
		f.column.writable(Slot(from.index) << pageBits).dirty.add(changed)
	}
}
