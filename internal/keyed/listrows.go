package keyed

import (
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
	return func(yield func(V) bool) {
		if err := l.walk(&c, always, func(v *V) bool { return yield(*v) }); err != nil && err != errEnough {
			l.chunks.core.fail(s, err)
		}
	}, nil
}

// Each visits the rows that All yields, until visit wants no more. A row is for the call only. Nothing is allocated for a
// list of one chunk.
func (l *List[V]) Each(s Slot, visit func(*V) bool) error {
	c, ok := l.small(s)
	if ok {
		return unlessEnough(l.walk(&c, always, visit))
	}
	p, err := l.pieces(s)
	if err != nil {
		return err
	}
	return unlessEnough(p.visit(nil, always, visit))
}

// always says of rows without a time-to-live that they are not over.
func always(int64) bool { return true }

func unlessEnough(err error) error {
	if err == errEnough {
		return nil
	}
	return err
}

// small returns the rows of a list that is no more than one chunk, and in memory; most lists are. ok is false for others.
func (l *List[V]) small(s Slot) (c chunk[V], ok bool) {
	m := l.chunks
	if o := m.owner(s); o.knows != whole || o.kept > 1 {
		return c, false
	}
	if head := m.first(s); head != 0 && m.column.has(head-1) {
		c = *m.valueOf(head - 1)
	}
	return c, true
}

// walk visits the rows of a chunk that are live, until visit wants no more: then it fails with errEnough. Rows are for
// the call only.
func (l *List[V]) walk(c *chunk[V], live func(until int64) bool, visit func(v *V) bool) error {
	decode := c.older
	if decode == nil {
		decode = l.decode
	}
	v := l.borrow()
	defer l.giveBack(v)
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
		*v = zero
		if err := decode(row, v); err != nil {
			return err
		}
		if !visit(v) {
			return errEnough
		}
	}
	return nil
}

// borrow returns a row to decode into. It is passed on by address, so each would be garbage; and there is one for each
// walk that is under way, since others may begin while one waits.
func (l *List[V]) borrow() *V {
	if n := len(l.spare); n > 0 {
		v := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return v
	}
	return new(V)
}

func (l *List[V]) giveBack(v *V) {
	var zero V
	*v = zero
	l.spare = append(l.spare, v)
}

// row takes the first row off what is left of a chunk.
func (c *chunk[V]) row(rest []byte) (row []byte, until int64, next []byte, ok bool) {
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
