package diskcache

import "sync/atomic"

const (
	pageSlots = 1024 // slots whose memory is allocated, and whose entries are saved, together
	noSlot    = ^uint32(0)
)

// slot is a place for a chunk in the files, and what it holds. There may be millions: it has no pointers.
type slot struct {
	object key
	// turn changes before the slot gets other bytes. Who reads them looks at it before and after.
	turn       atomic.Uint32
	next, prev uint32 // in its queue
	chunk      uint32
	used       uint32 // the second of the last use
	sums       sums
	uses       uint8 // in other seconds than that in which it came, or was spared last
	queue      queueID
}

// page is a fixed piece of memory, so that readers may look at a turn without a lock.
type page struct {
	slots [pageSlots]slot
	stale bool // the file has older entries
}

// object is what is known of an object of which there are chunks.
type object struct {
	size  int64
	slots []uint32 // of each chunk: its slot + 1, or 0
	held  int      // chunks
}

// index says which chunks are where, and which are worth most. Its user locks.
type index struct {
	pages   []*page
	high    uint32 // slots from here on are not in the files
	objects map[key]*object
	queues  [queueCount]queue
	ghosts  ghosts
	bytes   int64 // in chunks that are held
	turns   uint32
}

func newIndex() *index {
	x := &index{objects: map[key]*object{}}
	for i := range x.queues {
		x.queues[i] = queue{newest: noSlot, oldest: noSlot}
	}
	return x
}

func (x *index) slot(id uint32) *slot { return &x.pages[id/pageSlots].slots[id%pageSlots] }

// renew gives a slot a turn that no other has had for long: whoever has read it, or holds it, has lost it.
func (x *index) renew(s *slot) uint32 {
	x.turns++
	s.turn.Store(x.turns)
	return x.turns
}

// touchPage notes that what is known of a slot is newer than its entry.
func (x *index) touchPage(id uint32) { x.pages[id/pageSlots].stale = true }

// grow adds a slot, which is nobody's.
func (x *index) grow() uint32 {
	id := x.high
	if id/pageSlots == uint32(len(x.pages)) {
		x.pages = append(x.pages, new(page))
	}
	x.high++
	return id
}

// of returns what is held of an object, or nil. If sizes disagree, nothing is.
func (x *index) of(k key, size int64) *object {
	o := x.objects[k]
	if o != nil && o.size != size {
		return nil
	}
	return o
}

// find returns the slot of a chunk.
func (x *index) find(k key, size int64, chunk uint32) (id uint32, ok bool) {
	o := x.of(k, size)
	if o == nil || o.slots[chunk] == 0 {
		return 0, false
	}
	return o.slots[chunk] - 1, true
}

// held counts the chunks that could be evicted.
func (x *index) held() int { return x.queues[small].n + x.queues[large].n }

// attach makes a slot that is nobody's the place of a chunk. What was known of the chunk before is dropped, as is
// an object of the same name and another size.
func (x *index) attach(id uint32, e entry) {
	if o := x.objects[e.object]; o != nil && o.size != e.size {
		x.forget(e.object)
	}
	o := x.objects[e.object]
	if o == nil {
		o = &object{size: e.size, slots: make([]uint32, chunksOf(e.size))}
		x.objects[e.object] = o
	}
	if old := o.slots[e.chunk]; old != 0 {
		o.held++ // the object is not to go with its only chunk
		x.drop(old - 1)
		o.held--
	}
	o.slots[e.chunk] = id + 1
	o.held++
	s := x.slot(id)
	s.object, s.chunk, s.used, s.sums, s.uses = e.object, e.chunk, e.used, e.sums, 0
	x.bytes += int64(lengthOf(e.size, e.chunk))
}

// drop frees the slot of a chunk.
func (x *index) drop(id uint32) {
	s := x.slot(id)
	o := x.objects[s.object]
	o.slots[s.chunk] = 0
	x.bytes -= int64(lengthOf(o.size, s.chunk))
	if o.held--; o.held == 0 {
		delete(x.objects, s.object)
	}
	x.renew(s)
	x.move(id, free)
	x.touchPage(id)
}

// forget drops all chunks of an object.
func (x *index) forget(k key) {
	o := x.objects[k]
	if o == nil {
		return
	}
	for _, id := range o.slots {
		if id != 0 {
			x.drop(id - 1)
		}
	}
}

// entry is what the file is to say of a slot.
func (x *index) entry(id uint32) (b [entryBytes]byte) {
	s := x.slot(id)
	if s.queue != small && s.queue != large {
		return b
	}
	return entry{s.object, x.objects[s.object].size, s.chunk, s.used, s.sums, s.queue == large}.encode()
}
