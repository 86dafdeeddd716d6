package multimap

import (
	"errors"
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
)

// Map keeps rows of a key under numbers.
type Map[T any] struct {
	rows   Rows[T]
	counts state.Map[int64, int64] // of the rows under each number
}

// Open declares the states of a map: one of its name, and one of that with "/counts" behind it. It is called in the
// Open of a function. A time-to-live cannot be given: rows and what counts them would expire by themselves.
func Open[T any](s *state.Scope, name string) (m Map[T], err error) {
	if m.rows, err = OpenRows[T](s, name); err != nil {
		return m, err
	}
	m.counts, err = state.NewMap[int64, int64](s, name+"/counts")
	return m, err
}

// Prefetch lets what Add to a number, or Drop, reads be in memory when the record is processed. Each and Take read
// the rows, too.
func (m Map[T]) Prefetch(ctx *flow.Prefetch, at int64) { m.counts.Prefetch(ctx, at) }

// Add adds a row under a number, behind those that are there. It reports whether there were none: a timer for the
// rows of a number is set for the first.
func (m Map[T]) Add(ctx *flow.Context, at int64, row T) (first bool, err error) {
	n, there, err := m.counts.Get(ctx, at)
	if err != nil {
		return false, err
	}
	return !there, errors.Join(m.rows.Add(ctx, Part{at, n}, row), m.counts.Set(ctx, at, n+1))
}

// Each calls visit for the rows under the numbers from one to another, both included, in the order of the numbers,
// and those of each in the order in which they were added, until visit reports that it wants no more. Each of the
// numbers is looked up, so they should be few. A row is for visit to read until it returns. Visit must not change the
// map.
func (m Map[T]) Each(ctx *flow.Context, from, to int64, visit func(row *T) (more bool)) error {
	var parts []Part
	err := m.counts.Each(ctx, Numbers(from, to), func(at int64, n *int64) bool {
		parts = append(parts, Part{at, *n})
		return true
	})
	if err != nil || len(parts) == 0 {
		return err
	}
	return m.rows.Each(ctx, parts, visit)
}

// Take takes the rows under a number away, and returns them: nil if there are none. They are the caller's.
func (m Map[T]) Take(ctx *flow.Context, at int64) (rows []T, err error) {
	p, err := m.part(ctx, at)
	if err != nil || p.Rows == 0 {
		return nil, err
	}
	err = m.rows.Each(ctx, []Part{p}, func(row *T) bool { rows = append(rows, *row); return true })
	if err != nil {
		return nil, err
	}
	return rows, m.drop(ctx, p)
}

// Drop takes the rows under a number away. It reads none of them.
func (m Map[T]) Drop(ctx *flow.Context, at int64) error {
	p, err := m.part(ctx, at)
	if err != nil || p.Rows == 0 {
		return err
	}
	return m.drop(ctx, p)
}

// part are the rows under a number.
func (m Map[T]) part(ctx *flow.Context, at int64) (Part, error) {
	n, _, err := m.counts.Get(ctx, at)
	return Part{at, n}, err
}

func (m Map[T]) drop(ctx *flow.Context, p Part) error {
	return errors.Join(m.rows.Drop(ctx, p), m.counts.Remove(ctx, p.At))
}

// Numbers yields the numbers from one to another, both included. The last may be the greatest that there is.
func Numbers(from, to int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for n := from; n <= to && yield(n) && n < to; n++ {
		}
	}
}
