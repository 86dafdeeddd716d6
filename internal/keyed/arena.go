package keyed

import (
	"encoding/binary"
	"sync/atomic"
)

// arena has room for many small blocks of bytes in slabs, to which nothing but the arena has pointers: a collection of
// garbage has one object to mark where there would be hundreds, and what a block gives back another has at once. A slab
// has blocks of one size, as in Bonwick's allocator (USENIX Summer 1994) and in the runtime's own.
//
// An arena belongs to one goroutine. What is in a block may be read by another one as long as the block is not given back.
type arena struct {
	slabs  atomic.Pointer[[]*slabOf]
	vacant []uint32         // places of slabs that are no more
	roomy  [classes]*slabOf // of each class the slabs that have room for another block
	used   int64            // bytes of the blocks that are given out
	total  int64            // bytes of the slabs
}

// block is a place in an arena. The zero block has no room.
type block struct {
	slab  uint32 // its place among all
	at    uint16 // where it begins in there, in units
	class uint8  // zero for the zero block
}

const (
	unit     = 16 // the bytes that sizes of blocks are multiples of
	slabSize = 32 << 10
)

// sizes are those of blocks by their class.
var sizes = [...]int{
	0, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192,
}

const (
	classes = len(sizes)
	// single is the class of larger blocks: each has a slab to itself.
	single = uint8(classes)
)

// slabOf are blocks of one class. Those that were given back are a list: each begins with the number of the next.
type slabOf struct {
	bytes      []byte
	place      uint32
	class      uint8
	size       int // of a block
	live       int // blocks that are given out
	fresh      int // blocks that have ever been
	free       uint16
	prev, next *slabOf // among those of its class with room
}

// classFor is the class of blocks for so many bytes.
func classFor(bytes int) uint8 {
	for c, size := range sizes {
		if bytes <= size {
			return uint8(c)
		}
	}
	return single
}

// take gives out a block with room for some bytes.
func (a *arena) take(bytes int) block {
	c := classFor(max(1, bytes))
	if c == single {
		most := sizes[classes-1]
		bytes = (bytes + most - 1) / most * most
		return a.give(a.begin(c, bytes, bytes))
	}
	if a.roomy[c] == nil {
		few := min(slabSize, max(1<<10, sizes[c], int(a.total/8))) // an arena with little in it has small slabs
		a.enlist(a.begin(c, sizes[c], few/sizes[c]*sizes[c]))
	}
	s := a.roomy[c]
	b := a.give(s)
	if !s.hasRoom() {
		a.delist(s)
	}
	return b
}

// give gives out a block of a slab with room.
func (a *arena) give(s *slabOf) block {
	n := s.fresh
	if s.free != 0 {
		n = int(s.free - 1)
		s.free = binary.NativeEndian.Uint16(s.bytes[n*s.size:])
	} else {
		s.fresh++
	}
	s.live++
	a.used += int64(s.size)
	return block{s.place, uint16(n * s.size / unit), s.class}
}

func (s *slabOf) hasRoom() bool { return s.free != 0 || (s.fresh+1)*s.size <= len(s.bytes) }

// begin makes a slab of blocks of a size.
func (a *arena) begin(class uint8, size, bytes int) *slabOf {
	s := &slabOf{bytes: make([]byte, bytes), class: class, size: size}
	a.total += int64(bytes)
	if n := len(a.vacant); n > 0 {
		s.place, a.vacant = a.vacant[n-1], a.vacant[:n-1]
		(*a.slabs.Load())[s.place] = s
		return s
	}
	var slabs []*slabOf
	if p := a.slabs.Load(); p != nil {
		slabs = *p
	}
	s.place = uint32(len(slabs))
	slabs = append(slabs, s) // beyond what another goroutine sees
	a.slabs.Store(&slabs)
	return s
}

// end lets a slab without blocks go.
func (a *arena) end(s *slabOf) {
	(*a.slabs.Load())[s.place] = nil
	a.vacant = append(a.vacant, s.place)
	a.total -= int64(len(s.bytes))
}

func (a *arena) slab(b block) (s *slabOf, offset int) {
	return (*a.slabs.Load())[b.slab], int(b.at) * unit
}

// bytes are those of a block, all that it has room for.
func (a *arena) bytes(b block) []byte {
	if b.class == 0 {
		return nil
	}
	s, offset := a.slab(b)
	return s.bytes[offset : offset+s.size : offset+s.size]
}

// giveBack takes a block back, which nobody may read any longer.
func (a *arena) giveBack(b block) {
	if b.class == 0 {
		return
	}
	s, offset := a.slab(b)
	a.used -= int64(s.size)
	s.live--
	if s.class == single {
		a.end(s)
		return
	}
	if !s.hasRoom() {
		a.enlist(s)
	}
	binary.NativeEndian.PutUint16(s.bytes[offset:], s.free)
	s.free = uint16(offset/s.size) + 1
	if s.live == 0 && (s.prev != nil || s.next != nil) { // the class has another one with room
		a.delist(s)
		a.end(s)
	}
}

// enlist adds a slab to those with room.
func (a *arena) enlist(s *slabOf) {
	if s.next = a.roomy[s.class]; s.next != nil {
		s.next.prev = s
	}
	a.roomy[s.class] = s
}

// delist takes a slab out of those with room.
func (a *arena) delist(s *slabOf) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		a.roomy[s.class] = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}
