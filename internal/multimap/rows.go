package multimap

import (
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
)

// Part is so many rows under a number. It is stored by those who count rows themselves, so its fields are its format.
type Part struct{ At, Rows int64 }

// place identifies a row under a number. It is stored, so its fields are its format.
type place struct{ At, Row int64 }

// Rows keeps rows of a key under numbers for a user who knows how many there are.
type Rows[T any] struct{ rows state.Map[place, T] }

// OpenRows declares the state of rows. It is called in the Open of a function.
func OpenRows[T any](s *state.Scope, name string) (r Rows[T], err error) {
	r.rows, err = state.NewMap[place, T](s, name)
	return r, err
}

// Add adds a row to a part, which is as it is without the row.
func (r Rows[T]) Add(ctx *flow.Context, to Part, row T) error {
	return r.rows.Set(ctx, place{to.At, to.Rows}, row)
}

// Each calls visit for the rows of parts, one part after the other, until it reports that it wants no more. A row is
// for visit to read until it returns.
func (r Rows[T]) Each(ctx *flow.Context, parts []Part, visit func(row *T) (more bool)) error {
	return r.rows.Each(ctx, places(parts), func(_ place, row *T) bool { return visit(row) })
}

// Drop takes away the rows of a part.
func (r Rows[T]) Drop(ctx *flow.Context, p Part) error {
	for n := range p.Rows {
		if err := r.rows.Remove(ctx, place{p.At, n}); err != nil {
			return err
		}
	}
	return nil
}

// places are those of the rows of parts.
func places(parts []Part) iter.Seq[place] {
	return func(yield func(place) bool) {
		for _, p := range parts {
			for n := range p.Rows {
				if !yield(place{p.At, n}) {
					return
				}
			}
		}
	}
}
