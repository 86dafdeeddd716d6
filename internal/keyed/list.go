package keyed

import (
	"encoding/binary"
	"slices"
)

// List is a list for each key: a map from sequences to chunks of a few kilobytes. What is appended goes to the
// newest chunk if that is in memory, or else begins another: nothing has to be read for that.
type List[V any] struct {
	chunks *Map[uint64, chunk]
	space  chunkSpace
	rows   encoding[V]
	decode decoder[V] // of the present schema
	older  []olderRows[V]
	tails  []tail // by the store's slots
	// one and row are the row at hand, and what it is encoded to: a row that is passed on by address would be
	// garbage.
	one  V
	row  []byte
	near []Slot // the entries that are being touched
	// touched keeps the compiler from leaving out loads whose values nobody needs.
	touched uint64
	// spare are those that read nothing at the moment.
	spare []*reading[V]
}

// olderRows are the rows of an earlier schema.
type olderRows[V any] struct {
	schema string
	decode decoder[V]
}

// tail is the newest chunk of a list, if its key began it in this slot. It may have been evicted since, and read again. Not
// so when the key has left the slot: it may have come back from another, where it began a newer chunk.
type tail struct {
	entry    Slot
	sequence uint64
}

// chunkBytes is from what size on a chunk is full: with one more row, unless that is long, it still has room in a block of
// 4,096 bytes.
const chunkBytes = 4<<10 - 256

// NewList adds lists to a store.
func NewList[V any](r Registry, name string) (*List[V], error) {
	l, err := newList[V](r, name, nil)
	if err != nil {
		return nil, err
	}
	return l, l.chunks.core.add(l.chunks)
}

// newList returns a list that is not in the store yet.
func newList[V any](r Registry, name string, until func(*chunk) *int64) (*List[V], error) {
	l := &List[V]{}
	var err error
	if l.rows, err = newEncoding[V](name); err != nil {
		return nil, err
	}
	if l.decode, err = l.rows.decoderFor(l.rows.schema, false); err != nil {
		return nil, err
	}
	values, err := versionsOf(encoding[chunk]{l.rows.schema, l.space.appendTo, l.chunksFor, until})
	if err != nil {
		return nil, err
	}
	if l.chunks, err = newMap[uint64](r, name, "list", values); err != nil {
		return nil, err
	}
	l.chunks.onVacate, l.chunks.onTouch = l.forgetTail, l.touch
	l.chunks.outside, l.space.clock, l.space.pending = &l.space, l.chunks.clock, l.chunks.pending
	// A chunk that has changed is half full, on average.
	l.chunks.grain += chunkBytes / 2
	return l, nil
}

// chunksFor returns the decoder for chunks whose rows have a schema.
func (l *List[V]) chunksFor(schema string, expires bool) (decoder[chunk], error) {
	older, err := l.numberOf(schema)
	return func(src []byte, c *chunk) error { return l.space.set(c, src, expires, older) }, err
}

// numberOf is what chunk.older is for a schema.
func (l *List[V]) numberOf(schema string) (uint16, error) {
	if schema == l.rows.schema {
		return 0, nil
	}
	n := slices.IndexFunc(l.older, func(o olderRows[V]) bool { return o.schema == schema })
	if n < 0 {
		decode, err := l.rows.decoderFor(schema, false)
		if err != nil {
			return 0, err
		}
		n, l.older = len(l.older), append(l.older, olderRows[V]{schema, decode})
	}
	return uint16(n + 1), nil
}

// Append puts a row at the end of the slot's list. Nothing is read for that.
func (l *List[V]) Append(s Slot, v *V) { l.append(s, v, 0) }

// append puts a row at the end of the slot's list that expires, or never if until is zero.
func (l *List[V]) append(s Slot, v *V, until int64) {
	c := l.chunks.ref(l.last(s))
	l.one = *v
	l.put(c, &l.one, until)
}

// put puts a row at the end of a chunk.
func (l *List[V]) put(c *chunk, v *V, until int64) {
	l.row = l.row[:0]
	if until != 0 {
		l.row = binary.BigEndian.AppendUint64(l.row, uint64(until))
		c.timed, c.until = true, max(c.until, until)
	}
	l.row = l.rows.encode(l.row, v)
	into := l.space.grow(c, int(c.size)+binary.MaxVarintLen32+len(l.row))
	into = append(binary.AppendUvarint(into, uint64(len(l.row))), l.row...)
	c.size = uint32(len(into))
	c.rows++
}

// last is the entry of the chunk that the next row goes to.
func (l *List[V]) last(s Slot) Slot {
	for int(s) >= len(l.tails) {
		l.tails = append(l.tails, tail{})
		l.chunks.column.bytes += int64(sizeOf[tail]())
	}
	m, t := l.chunks, &l.tails[s]
	if t.sequence != 0 && *m.dir.key(t.entry) == (mapEntry[uint64]{s, t.sequence}) && m.column.has(t.entry) {
		if c := &m.at(t.entry).vals[t.entry&pageMask]; c.size < chunkBytes {
			m.use(t.entry)
			return t.entry
		}
	}
	m.dir.relieve(m.core, m.core.keys.partOf(s))
	t.sequence = m.core.sequence()
	t.entry = m.place(s, t.sequence)
	m.owners[s].n++
	return t.entry
}

// forgetTail says that the slot is going to be another key's.
func (l *List[V]) forgetTail(s Slot) {
	if int(s) < len(l.tails) {
		l.tails[s] = tail{}
	}
}

// Len is the number of rows in the slot's list.
func (l *List[V]) Len(s Slot) (n int, err error) {
	p, err := l.pieces(s)
	if err != nil {
		return 0, err
	}
	err = p.each(func(c *piece) error { n += int(c.rows); return nil })
	return n, err
}

// Clear empties the slot's list.
func (l *List[V]) Clear(s Slot) error { return l.chunks.Clear(s) }

// touch reads from the newest chunks of many slots, one step of the way to all of them after the other: a step of one does
// not wait for the step before of another.
func (l *List[V]) touch(slots []Slot) {
	l.near = l.near[:0]
	m, sum := l.chunks, uint64(0)
	for _, s := range slots {
		if int(s) < len(l.tails) && l.tails[s].sequence != 0 {
			sum += uint64(m.owners[s].kept)
			l.near = append(l.near, l.tails[s].entry)
		}
	}
	for _, e := range l.near {
		p := m.column.at(e)
		sum += m.dir.key(e).key + p.present[0] + uint64(p.vals[e&pageMask].size)
	}
	for _, e := range l.near {
		if c := &m.column.at(e).vals[e&pageMask]; c.block.class != 0 {
			b := l.space.bytes(c.block)
			sum += uint64(b[0]) + uint64(b[min(int(c.size), len(b)-1)])
		}
	}
	l.touched += sum
}
