package keyed

import (
	"cmp"
	"iter"
	"math"
	"slices"
)

// piece is a chunk of a list with its place in it, as of some time: chunks are appended to and never changed.
type piece[V any] struct {
	sequence uint64
	chunk    chunk[V]
	gone     bool // cleared, which the tables below may not know yet
}

// pieces is a list as of some time: what memory had of it, and how to read the rest if it is large.
type pieces[V any] struct {
	list   *List[V]
	known  []piece[V] // in their order
	walk   walk[uint64, chunk[V]]
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
		p.known = append(p.known, piece[V]{m.dir.key(e).key, *m.valueOf(e), !m.column.has(e)})
	}
	slices.SortFunc(p.known, func(a, b piece[V]) int { return cmp.Compare(a.sequence, b.sequence) })
	p.newest = m.core.newest()
	return p, nil
}

// each visits the chunks in their order, until visit fails.
func (p *pieces[V]) each(visit func(sequence uint64, c *chunk[V]) error) error {
	known := p.known
	upTo := func(sequence uint64) (err error) {
		for err == nil && len(known) > 0 && known[0].sequence <= sequence {
			if next := known[0]; !next.gone {
				err = visit(next.sequence, &next.chunk)
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
		var c chunk[V]
		if err := p.list.chunks.values.decode(value, &c); err != nil {
			return err
		}
		return visit(sequence, &c)
	})
	if err != nil {
		return err
	}
	return upTo(math.MaxUint64)
}

func (p *pieces[V]) find(sequence uint64) (at int, found bool) {
	return slices.BinarySearchFunc(p.known, sequence, func(k piece[V], sequence uint64) int {
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

// rows yields the rows of a list that are live. met, unless nil, is told of chunks before their rows are yielded. An
// error ends it, and is kept for Failure.
func (p pieces[V]) rows(met func(sequence uint64, c *chunk[V]) error, live func(until int64) bool) iter.Seq[V] {
	return func(yield func(V) bool) {
		err := p.visit(met, live, func(v *V) bool { return yield(*v) })
		if err != nil && err != errEnough {
			p.list.chunks.core.fail(p.walk.s, err)
		}
	}
}

// visit visits the rows of a list that are live, until it fails with errEnough.
func (p *pieces[V]) visit(
	met func(sequence uint64, c *chunk[V]) error, live func(until int64) bool, visit func(*V) bool,
) error {
	return p.each(func(sequence uint64, c *chunk[V]) error {
		if met != nil {
			if err := met(sequence, c); err != nil {
				return err
			}
		}
		return p.list.walk(c, live, visit)
	})
}
