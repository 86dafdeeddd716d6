package keyed

import (
	"encoding/binary"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// chunk is a part of a list. It has no pointers: what there is of lists costs a collection of garbage nothing. A snapshot
// may share its bytes: they are appended to and never changed.
type chunk struct {
	until int64  // when the last of its rows expires, or zero
	rows  uint32 // how many there are
	size  uint32 // of the bytes of its block that are taken: for each row its length and itself
	block block
	since uint32 // the epoch, its lowest bits, in which the chunk was given its block
	older uint16 // which of the earlier schemas its rows have, plus one; zero for the present one
	timed bool   // whether each row begins with when it expires, in eight bytes
}

// chunkSpace is where the chunks of a list have their bytes.
type chunkSpace struct {
	arena
	clock *clock
	// late are blocks that were given up while a snapshot might still read them.
	late []lateBlock
	// pending reports whether there are snapshots that have not been forgotten, and the first epoch of them.
	pending func() (first uint64, any bool)
}

// lateBlock is a block that no snapshot of its epoch or a later one reads.
type lateBlock struct {
	block
	epoch uint64
}

// taken is how many bytes the blocks take, those that are given back later included.
func (s *chunkSpace) taken() int64 { return s.used }

// bytesOf are the rows of a chunk.
func (s *chunkSpace) bytesOf(c *chunk) []byte { return s.bytes(c.block)[:c.size] }

// grow gives a chunk room for so many bytes in all.
func (s *chunkSpace) grow(c *chunk, bytes int) []byte {
	had := s.bytesOf(c)
	if bytes <= cap(had) {
		return had
	}
	b := s.take(bytes)
	into := append(s.bytes(b)[:0], had...)
	s.giveUp(c, false)
	c.block, c.since = b, uint32(s.clock.now)
	return into
}

// giveUp takes the block of a chunk back, at once if the chunk has been written or no snapshot can have it.
func (s *chunkSpace) giveUp(c *chunk, written bool) {
	if c.block.class != 0 && !written && c.since != uint32(s.clock.now) && !reuseEarly {
		if _, any := s.pending(); any {
			s.late = append(s.late, lateBlock{c.block, s.clock.now})
			c.block = block{}
			return
		}
	}
	s.giveBack(c.block)
	c.block = block{}
}

// reuseEarly is set by the test that shows that a snapshot's blocks must stay as they are.
var reuseEarly = false

// forgotten takes back what no snapshot can read any longer.
func (s *chunkSpace) forgotten() {
	first, any := s.pending()
	n := 0
	for n < len(s.late) && (!any || s.late[n].epoch <= first) {
		s.giveBack(s.late[n].block)
		n++
	}
	s.late = append(s.late[:0], s.late[n:]...)
}

// appendTo appends a chunk as it is below.
func (s *chunkSpace) appendTo(dst []byte, c *chunk) []byte {
	return append(binary.AppendUvarint(dst, uint64(c.rows)), s.bytesOf(c)...)
}

// set makes a chunk of what appendTo has written.
func (s *chunkSpace) set(c *chunk, src []byte, timed bool, older uint16) error {
	rows, n := binary.Uvarint(src)
	if n <= 0 || rows > uint64(len(src)) {
		return base.Errorf(base.Corrupt, "a part of a list with %d bytes does not say how many rows it has", len(src))
	}
	*c = chunk{rows: uint32(rows), timed: timed, older: older}
	c.size = uint32(len(append(s.grow(c, len(src)-n), src[n:]...)))
	return nil
}
