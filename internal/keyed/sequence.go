package keyed

import (
	"encoding/binary"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// sequence numbers the parts of what keys have in parts. It is greater than that of any part before: of this run,
// and of the checkpoint that the run goes on from, as long as fewer than 2^32 are made for each checkpoint.
func (c *core) sequence() uint64 {
	c.sequences++
	return c.newest()
}

// newest is the greatest sequence so far.
func (c *core) newest() uint64 { return (c.Checkpoint+1)<<32 + c.sequences }

// appendSequence ends a table key with a sequence, so that the order of keys is that of sequences.
func appendSequence(dst []byte, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(dst, sequence)
}

// takeSequence reads what appendSequence wrote.
func takeSequence(src []byte) (uint64, error) {
	if len(src) != 8 {
		return 0, base.Errorf(base.Corrupt, "a table key ends with a sequence of %d bytes, not 8", len(src))
	}
	return binary.BigEndian.Uint64(src), nil
}
