package keyed

import (
	"bytes"
	"encoding/binary"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// List is a list for each key: a map from sequences to chunks of a few kilobytes. What is appended goes to the
// newest chunk if that is in memory, or else begins another: nothing has to be read for that.
type List[V any] struct {
	chunks *Map[uint64, chunk[V]]
	rows   encoding[V]
	decode decoder[V] // of the present schema
	tails  []tail     // by the store's slots
	// one and row are the row at hand, and what it is encoded to: a row that is passed on by address would be
	// garbage.
	one V
	row []byte
	// spare are rows to decode into.
	spare []*V
}

// chunk is a part of a list. A snapshot may share its bytes: they are appended to and never changed.
type chunk[V any] struct {
	rows  uint32
	timed bool   // whether each row begins with when it expires, in eight bytes
	until int64  // when the last one does, or zero
	bytes []byte // for each row its length and itself
	// older reads rows of an earlier schema; nil for those of the present one.
	older decoder[V]
}

// tail is the newest chunk of a list, if its key began it in this slot. It may have been evicted since, and read again. Not
// so when the key has left the slot: it may have come back from another, where it began a newer chunk.
type tail struct {
	entry    Slot
	sequence uint64
}

// chunkBytes is from what size on a chunk is full.
const chunkBytes = 4 << 10

// NewList adds lists to a store.
func NewList[V any](r Registry, name string) (*List[V], error) {
	l, err := newList[V](r, name, nil)
	if err != nil {
		return nil, err
	}
	return l, l.chunks.core.add(l.chunks)
}

// newList returns a list that is not in the store yet.
func newList[V any](r Registry, name string, until func(*chunk[V]) *int64) (*List[V], error) {
	rows, err := newEncoding[V](name)
	if err != nil {
		return nil, err
	}
	values, err := versionsOf(encoding[chunk[V]]{rows.schema, appendChunk[V], rows.chunksFor, until})
	if err != nil {
		return nil, err
	}
	l := &List[V]{rows: rows}
	if l.decode, err = rows.decoderFor(rows.schema, false); err != nil {
		return nil, err
	}
	if l.chunks, err = newMap[uint64](r, name, "list", values); err != nil {
		return nil, err
	}
	l.chunks.onVacate = l.forgetTail
	// The rows of a chunk are weighed one by one; a chunk that has changed is half full, on average.
	l.chunks.heft, l.chunks.grain = record.Heft{}, l.chunks.grain+chunkBytes/2
	l.chunks.weigh = func(c *chunk[V]) int64 { return int64(cap(c.bytes)) }
	return l, nil
}

func appendChunk[V any](dst []byte, c *chunk[V]) []byte {
	return append(binary.AppendUvarint(dst, uint64(c.rows)), c.bytes...)
}

// chunksFor returns the decoder for chunks whose rows have a schema.
func (e encoding[V]) chunksFor(schema string, expires bool) (decoder[chunk[V]], error) {
	var older decoder[V]
	if schema != e.schema {
		var err error
		if older, err = e.decoderFor(schema, false); err != nil {
			return nil, err
		}
	}
	return func(src []byte, c *chunk[V]) error {
		rows, n := binary.Uvarint(src)
		if n <= 0 || rows > uint64(len(src)) {
			return base.Errorf(base.Corrupt, "a part of a list with %d bytes does not say how many rows it has", len(src))
		}
		*c = chunk[V]{rows: uint32(rows), timed: expires, bytes: bytes.Clone(src[n:]), older: older}
		return nil
	}, nil
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
func (l *List[V]) put(c *chunk[V], v *V, until int64) {
	before := cap(c.bytes)
	l.row = l.row[:0]
	if until != 0 {
		l.row = binary.BigEndian.AppendUint64(l.row, uint64(until))
		c.timed, c.until = true, max(c.until, until)
	}
	l.row = l.rows.encode(l.row, v)
	c.bytes = append(binary.AppendUvarint(c.bytes, uint64(len(l.row))), l.row...)
	c.rows++
	l.chunks.column.bytes += int64(cap(c.bytes) - before)
}

// last is the entry of the chunk that the next row goes to.
func (l *List[V]) last(s Slot) Slot {
	for int(s) >= len(l.tails) {
		l.tails = append(l.tails, tail{})
		l.chunks.column.bytes += int64(sizeOf[tail]())
	}
	m, t := l.chunks, &l.tails[s]
	if t.sequence != 0 && *m.dir.key(t.entry) == (mapEntry[uint64]{s, t.sequence}) && m.column.has(t.entry) {
		if c := &m.at(t.entry).vals[t.entry&pageMask]; len(c.bytes) < chunkBytes {
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
	err = p.each(func(_ uint64, c *chunk[V]) error { n += int(c.rows); return nil })
	return n, err
}

// Clear empties the slot's list.
func (l *List[V]) Clear(s Slot) error { return l.chunks.Clear(s) }
