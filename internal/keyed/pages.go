package keyed

import (
	"math/bits"
	"slices"
	"sync"
	"unsafe"
)

// frozenPages are the changed pages of a column as of a freeze. One goroutine reads them, page by page, while the
// store's goroutine goes on: whichever comes to a page first takes what the snapshot wants of it, under the
// mutex.
type frozenPages[V any] struct {
	column *column[V]
	epoch  uint64
	chunk  []V   // the unused rest of the last chunk of saved values
	chunks [][]V // all of them

	mu      sync.Mutex // of pages
	pages   []frozenPage[V]
	scratch []V // of the reader
	touched uint64
}

// frozenPage is one page of a snapshot.
type frozenPage[V any] struct {
	live    *page[V] // the column's page, until it has been saved or read
	vals    []V      // those of dirty slots, in their order; nil once it has been read
	index   uint32
	dirty   bitmap // what live had
	present bitmap
}

// freeze takes the pages changed in the epoch that ends. The caller then begins a new epoch.
func (c *column[V]) freeze() *frozenPages[V] {
	f := &frozenPages[V]{column: c, epoch: c.clock.now, pages: c.changed}
	c.changed, c.list = c.list, nil
	c.frozen = append(c.frozen, f)
	return f
}

// keep saves what the snapshot wants of a page that is about to change, if it has it and has not read it.
func (f *frozenPages[V]) keep(ref *pageRef[V]) {
	if f.epoch != ref.epoch {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &f.pages[ref.place]
	if p.live == nil {
		return
	}
	p.vals = f.take(p, f.room(p.live.dirty.count(p.live.present)))
}

// chunkLen is how many saved values share an allocation in a column with many pages.
const chunkLen = 1 << 14

// room returns space for n saved values. Chunks are used again by later snapshots: what every checkpoint needs
// should not be garbage after each.
func (f *frozenPages[V]) room(n int) []V {
	if len(f.chunk) < n {
		c := f.column
		if last := len(c.spare) - 1; last >= 0 && len(c.spare[last]) >= n {
			f.chunk, c.spare = c.spare[last], c.spare[:last]
		} else {
			f.chunk = make([]V, max(n, min(chunkLen, len(c.pages)*pageLen/16)))
			c.bytes += int64(len(f.chunk)) * int64(sizeOf[V]())
		}
		f.chunks = append(f.chunks, f.chunk)
	}
	into := f.chunk[:0:n]
	f.chunk = f.chunk[n:]
	return into
}

// take appends the changed values of a live page, and lets go of it.
func (f *frozenPages[V]) take(p *frozenPage[V], into []V) []V {
	p.dirty, p.present = p.live.dirty, p.live.present
	for i := range p.dirty.all {
		if p.present.has(i) {
			into = append(into, p.live.vals[i])
		}
	}
	p.live = nil
	return into
}

// firstOf appends the first changed slots of pages, and reads from their values.
func (f *frozenPages[V]) firstOf(pages []uint32, slots []Slot) []Slot {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range pages {
		if p := &f.pages[n]; p.live != nil {
			f.touched += p.live.dirty[0] + p.present[len(p.present)-1]
		}
	}
	for _, n := range pages {
		p, left := &f.pages[n], touchedChanges
		if p.live == nil {
			continue // a copy of its values has just been made
		}
		for s := range p.live.dirty.all {
			f.touched += uint64(*(*byte)(unsafe.Pointer(&p.live.vals[s])))
			slots = append(slots, Slot(p.index)<<pageBits+s)
			if left--; left == 0 {
				break
			}
		}
	}
	return slots
}

// entries yields the changed slots of one page with their values; nil for one that was cleared. It is called
// once.
func (f *frozenPages[V]) entries(n int, visit func(s Slot, v *V)) {
	p := &f.pages[n]
	f.mu.Lock()
	vals := p.vals
	if p.live != nil {
		f.scratch = f.take(p, f.scratch[:0])
		vals = f.scratch
	}
	f.mu.Unlock()
	p.vals = nil
	base, next := Slot(p.index)<<pageBits, 0
	for i := range p.dirty.all {
		if p.present.has(i) {
			visit(base+i, &vals[next])
			next++
		} else {
			visit(base+i, nil)
		}
	}
}

// forget ends the snapshot's part in the column: it has been written, or never will be.
func (f *frozenPages[V]) forget() {
	c := f.column
	for _, chunk := range f.chunks {
		if len(c.strings) > 0 || len(chunk) < chunkLen {
			c.bytes -= int64(len(chunk)) * int64(sizeOf[V]()) // small, or with strings that would live on
			continue
		}
		c.spare = append(c.spare, chunk)
	}
	clear(f.pages)
	c.list = f.pages[:0]
	c.frozen = slices.DeleteFunc(c.frozen, func(o *frozenPages[V]) bool { return o == f })
	if c.outside != nil {
		c.outside.forgotten()
	}
}

// pending is the first epoch of which there is a snapshot that may still be read, if there is one.
func (c *column[V]) pending() (epoch uint64, any bool) {
	if len(c.frozen) == 0 {
		return 0, false
	}
	return c.frozen[0].epoch, true
}

// release marks the changes as changes of the epoch that is running now.
func (f *frozenPages[V]) release() {
	defer f.forget()
	for _, from := range f.pages {
		changed := from.dirty
		if from.live != nil {
			changed = from.live.dirty
		}
		f.column.writable(Slot(from.index) << pageBits).dirty.add(changed)
		f.column.dirtied.add(int64(changed.count(changed)), f.column.grain+f.column.heft.Each())
	}
}

// count is the number of bits that are set in both.
func (b bitmap) count(o bitmap) (n int) {
	for i := range b {
		n += bits.OnesCount64(b[i] & o[i])
	}
	return n
}
