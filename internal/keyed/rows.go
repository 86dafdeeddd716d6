package keyed

import (
	"cmp"
	"iter"
	"math"
	"slices"
)

// piece is a chunk of a list as of some time, with its place in it.
type piece struct {
	chunk
	sequence uint64
	bytes    []byte // its rows
	gone     bool   // cleared, which the tables below may not know yet
}

// pieces is a list as of some time: what memory had of it, and how to read the rest if it is large.
type pieces[V any] struct {
	list   *List[V]
	known  []piece // in their order; their bytes are valid until the list is used again, unless they are held
	walk   walk[uint64, chunk]
	newest uint64 // the greatest sequence of that time
}

// pieces returns the slot's list. All of it is in memory after that unless it is large.
func (l *List[V]) pieces(s Slot) (p pieces[V], err error) {
	m := l.chunks
	defer m.core.keep(s)()
	p.list = l
	if p.walk, err = m.begin(s); err != nil {
		return p, err
	}
	for _, e := range p.walk.known {
		c := m.valueOf(e)
		p.known = append(p.known, piece{*c, m.dir.key(e).key, l.space.bytesOf(c), !m.column.has(e)})
	}
	slices.SortFunc(p.known, func(a, b piece) int { return cmp.Compare(a.sequence, b.sequence) })
	p.newest = m.core.newest()
	return p, nil
}

// hold copies what memory has of the list to a buffer: it stays there whatever becomes of the list.
func (p *pieces[V]) hold(buffer []byte) []byte {
	size := 0
	for i := range p.known {
		size += len(p.known[i].bytes)
	}
	buffer = slices.Grow(buffer[:0], size)
	for i := range p.known {
		buffer = append(buffer, p.known[i].bytes...)
		p.known[i].bytes = buffer[len(buffer)-len(p.known[i].bytes):]
	}
	return buffer
}

// each visits the pieces in their order, until visit fails.
func (p *pieces[V]) each(visit func(*piece) error) error {
	known := p.known
	upTo := func(sequence uint64) (err error) {
		for err == nil && len(known) > 0 && known[0].sequence <= sequence {
			if !known[0].gone {
				err = visit(&known[0])
			}
			known = known[1:]
		}
		return err
	}
	err := p.below(func(sequence uint64, value []byte) error {
		later := sequence > p.newest && sequence <= p.list.chunks.core.newest()
		if _, before := p.find(sequence); before || later {
			return nil
		}
		if err := upTo(sequence); err != nil {
			return err
		}
		read := piece{sequence: sequence}
		if err := p.list.chunks.values.decode(value, &read.chunk); err != nil {
			return err
		}
		defer p.list.space.giveUp(&read.chunk, true)
		read.bytes = p.list.space.bytesOf(&read.chunk)
		return visit(&read)
	})
	if err != nil {
		return err
	}
	return upTo(math.MaxUint64)
}

func (p *pieces[V]) find(sequence uint64) (at int, found bool) {
	return slices.BinarySearchFunc(p.known, sequence, func(k piece, sequence uint64) int {
		return cmp.Compare(k.sequence, sequence)
	})
}

// below visits what a large list has in the tables below.
func (p *pieces[V]) below(visit func(sequence uint64, value []byte) error) error {
	if !p.walk.large {
		return nil
	}
	m, prefix := p.walk.m, len(p.walk.m.core.keys.view()(nil, p.walk.s))
	for r := p.walk.rest; ; {
		err := r.all(func(rest, value []byte) error {
			sequence, _, err := m.codec.Decode(rest[prefix:])
			if err != nil {
				return err
			}
			return visit(sequence, value)
		})
		if err != nil || r.next == nil {
			return err
		}
		if r, err = p.walk.read(r.next); err != nil {
			return err
		}
	}
}

// rows yields the rows of a list that are live. met, unless nil, is told of pieces before their rows are yielded. An
// error ends it, and is kept for Failure.
func (p pieces[V]) rows(met func(*piece) error, live func(until int64) bool) iter.Seq[V] {
	p.hold(nil)
	return func(yield func(V) bool) {
		r := p.list.borrow()
		defer p.list.giveBack(r)
		err := p.visit(r, met, live, func(v *V) bool { return yield(*v) })
		if err != nil && err != errEnough {
			p.list.chunks.core.fail(p.walk.s, err)
		}
	}
}

// visit visits the rows of a list that are live, until it fails with errEnough.
func (p *pieces[V]) visit(
	r *reading[V], met func(*piece) error, live func(until int64) bool, visit func(*V) bool,
) error {
	return p.each(func(c *piece) error {
		if met != nil {
			if err := met(c); err != nil {
				return err
			}
		}
		return p.list.walk(r, c, live, visit)
	})
}

// eachRow visits the slot's rows that are live, until visit wants no more.
func (l *List[V]) eachRow(
	s Slot, met func(*piece) error, live func(until int64) bool, visit func(*V) bool,
) error {
	p, err := l.pieces(s)
	if err != nil {
		return err
	}
	r := l.borrow()
	defer l.giveBack(r)
	r.bytes = p.hold(r.bytes)
	return unlessEnough(p.visit(r, met, live, visit))
}
