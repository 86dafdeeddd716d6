package keyed

import (
	"bytes"
	"encoding/binary"
	"iter"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// All yields the rows of the slot's list as of the call, in the order in which they were appended. The list may be
// appended to meanwhile, and all other state used. Of a large list, what is not in memory is read as it is yielded,
// and not kept; so rows that are cleared meanwhile may not come. If a row cannot be read, the iteration ends and
// Failure says why.
func (l *List[V]) All(s Slot) (iter.Seq[V], error) {
	c, ok := l.small(s)
	if !ok {
		p, err := l.pieces(s)
		return p.rows(nil, always), err
	}
	c.bytes = bytes.Clone(c.bytes)
	return func(yield func(V) bool) {
		r := l.borrow()
		defer l.giveBack(r)
		err := l.walk(r, &c, always, func(v *V) bool { return yield(*v) })
		if err != nil && err != errEnough {
			l.chunks.core.fail(s, err)
		}
	}, nil
}

// Each visits the rows that All yields, until visit wants no more. A row is for the call only. Nothing is allocated for a
// list of one chunk.
func (l *List[V]) Each(s Slot, visit func(*V) bool) error {
	c, ok := l.small(s)
	if !ok {
		return l.eachRow(s, nil, always, visit)
	}
	r := l.borrow()
	defer l.giveBack(r)
	r.bytes = append(r.bytes[:0], c.bytes...)
	c.bytes = r.bytes
	return unlessEnough(l.walk(r, &c, always, visit))
}

// always says of rows without a time-to-live that they are not over.
func always(int64) bool { return true }

func unlessEnough(err error) error {
	if err == errEnough {
		return nil
	}
	return err
}

// small returns the rows of a list that is no more than one chunk, and in memory; most lists are. Its bytes are valid
// until the list is used again. ok is false for others.
func (l *List[V]) small(s Slot) (c piece, ok bool) {
	m := l.chunks
	if o := m.owner(s); o.knows != whole || o.kept > 1 {
		return c, false
	}
	if head := m.first(s); head != 0 && m.column.has(head-1) {
		c.chunk = *m.valueOf(head - 1)
		c.bytes = l.space.bytesOf(&c.chunk)
	}
	return c, true
}

// walk visits the rows of a piece that are live, until visit wants no more: then it fails with errEnough. Rows are for
// the call only.
func (l *List[V]) walk(r *reading[V], c *piece, live func(until int64) bool, visit func(v *V) bool) error {
	decode := l.decode
	if c.older != 0 {
		decode = l.older[c.older-1].decode
	}
	var zero V
	rest := c.bytes
	for range c.rows {
		row, until, next, ok := c.row(rest)
		if !ok {
			return base.Errorf(base.Corrupt, "operator %q: state %q: a part of a list ends early",
				l.chunks.core.Name, l.chunks.name)
		}
		if rest = next; !live(until) {
			continue
		}
		r.row = zero
		if err := decode(row, &r.row); err != nil {
			return err
		}
		if !visit(&r.row) {
			return errEnough
		}
	}
	return nil
}

// reading is what a list is read with: a row to decode into, which would be garbage each since it is passed on by address,
// and a copy of the bytes that rows are decoded from. There is one for each that is under way, since others may begin
// while one waits.
type reading[V any] struct {
	row   V
	bytes []byte
}

func (l *List[V]) borrow() *reading[V] {
	if n := len(l.spare); n > 0 {
		r := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return r
	}
	return &reading[V]{}
}

// mostSpare is how large a buffer is kept for the next list that is read.
const mostSpare = 16 << 10

func (l *List[V]) giveBack(r *reading[V]) {
	var zero V
	r.row = zero
	if cap(r.bytes) > mostSpare {
		r.bytes = nil
	}
	l.spare = append(l.spare, r)
}

// row takes the first row off what is left of a chunk.
func (c *chunk) row(rest []byte) (row []byte, until int64, next []byte, ok bool) {
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		return nil, 0, nil, false
	}
	row, next = rest[n:n+int(size)], rest[n+int(size):]
	if !c.timed {
		return row, 0, next, true
	}
	if len(row) < 8 {
		return nil, 0, nil, false
	}
	return row[8:], int64(binary.BigEndian.Uint64(row)), next, true
}
