package keyed

import (
	"sync/atomic"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

func sizeOf[T any]() uintptr { var t T; return unsafe.Sizeof(t) }

// changedPage is a page with changes and its number.
type changedPage[V any] struct {
	*page[V]
	index uint32
}

// page holds the values of pageLen slots. A page belongs to the store's goroutine, which changes it in place
// unless it is of an earlier epoch and pending: then a snapshot still reads it, and it is replaced by a copy
// before the change. A page becomes pending with its first change in an epoch, so that a freeze has nothing
// to do for each page.
type page[V any] struct {
	present bitmap // slots that have a value
	dirty   bitmap // slots changed in the page's epoch
	epoch   uint64
	pending atomic.Int32 // snapshots, to come or unwritten, that the page belongs to
	vals    [pageLen]V
}

// column is a paged column of values by slot.
type column[V any] struct {
	epoch   *uint64 // the store's
	pages   []*page[V]
	changed []changedPage[V] // pages with changes of this epoch
	bytes   int64
	slab    slab[page[V]]
	codec   *record.ValueCodec[V]
	strings []uintptr // offsets of strings in V, which are copied when a value is kept
}

func newColumn[V any](epoch *uint64, name string) (column[V], error) {
	codec, err := record.NewValueCodec[V]()
	if err != nil {
		return column[V]{}, base.Errorf(base.Config, "state %q: %w", name, err)
	}
	return column[V]{epoch: epoch, codec: codec, strings: record.LayoutOf[V]().Strings}, nil
}

// at returns the page of a slot, or nil if nothing was ever there.
func (c *column[V]) at(s Slot) *page[V] {
	if i := int(s >> pageBits); i < len(c.pages) {
		return c.pages[i]
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
	return p != nil && (p.present.has(s) || p.dirty.has(s) && p.pending.Load() > 0)
}

// writable returns the slot's page, ready to be changed in this epoch.
func (c *column[V]) writable(s Slot) *page[V] {
	i := int(s >> pageBits)
	if i < len(c.pages) {
		if p := c.pages[i]; p != nil && p.epoch == *c.epoch {
			return p
		}
	}
	return c.begin(i)
}

// begin makes the first change of a page in this epoch possible.
func (c *column[V]) begin(i int) *page[V] {
	for i >= len(c.pages) {
		c.pages = append(c.pages, nil)
	}
	p := c.pages[i]
	switch {
	case p == nil:
		p = c.slab.next()
		c.bytes += int64(unsafe.Sizeof(*p))
		c.pages[i] = p
	case p.pending.Load() > 0 && !skipCopy:
		n := new(page[V]) // the snapshot keeps the old one
		n.present, n.vals = p.present, p.vals
		p, c.pages[i] = n, n
	}
	p.epoch, p.dirty = *c.epoch, bitmap{}
	p.pending.Add(1)
	c.changed = append(c.changed, changedPage[V]{p, uint32(i)})
	return p
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
	epoch  uint64
}

// freeze takes the pages changed in the epoch that ends, or all. The caller then begins a new epoch.
func (c *column[V]) freeze(full bool) *frozenPages[V] {
	f := &frozenPages[V]{column: c, pages: c.changed, full: full, epoch: *c.epoch}
	c.changed = nil
	if full {
		f.pages = nil
		for i, p := range c.pages {
			if p != nil {
				if p.epoch != *c.epoch {
					p.pending.Add(1)
				}
				f.pages = append(f.pages, changedPage[V]{p, uint32(i)})
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

// done lets the pages be changed in place again.
func (f *frozenPages[V]) done() {
	for _, p := range f.pages {
		p.pending.Add(-1)
	}
}

// release marks the changes as changes of the epoch that is running now.
func (f *frozenPages[V]) release() {
	for _, from := range f.pages {
		if from.epoch != f.epoch {
			from.pending.Add(-1)
			continue // it belongs to a whole snapshot, but did not change
		}
		changed := from.dirty
		from.pending.Add(-1)
		f.column.writable(Slot(from.index) << pageBits).dirty.add(changed)
	}
}
