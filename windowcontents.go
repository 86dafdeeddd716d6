package aquifer

import (
	"github.com/aquifer-stream/aquifer/internal/multimap"
	"github.com/aquifer-stream/aquifer/state"
)

// windowPart is a part of what windows hold: a number of rows that are kept together.
type windowPart = multimap.Part

// windowContents keeps what parts of windows hold: rows, or accumulators of them.
type windowContents[K comparable, T, Out any] interface {
	open(s *state.Scope) error
	// add adds a row to a part, as it is without the row.
	add(ctx *Context, to windowPart, row *T) error
	// give emits what comes of a window's parts.
	give(ctx *Context, w WindowContext[K], parts []windowPart, out Collector[Out]) error
	// drop forgets a part.
	drop(ctx *Context, p windowPart) error
	// prefetch lets be read what add needs.
	prefetch(ctx *Prefetch, pane int64)
}

// rowContents keeps each row by itself: to add one reads nothing.
type rowContents[K comparable, T, Out any] struct {
	rows multimap.Rows[T]
	fn   WindowFunc[K, T, Out]
}

func (r *rowContents[K, T, Out]) open(s *state.Scope) (err error) {
	r.rows, err = multimap.OpenRows[T](s, "rows")
	return err
}

func (r *rowContents[K, T, Out]) prefetch(*Prefetch, int64) {}

func (r *rowContents[K, T, Out]) add(ctx *Context, to windowPart, row *T) error {
	return r.rows.Add(ctx, to, *row)
}

func (r *rowContents[K, T, Out]) drop(ctx *Context, p windowPart) error { return r.rows.Drop(ctx, p) }

func (r *rowContents[K, T, Out]) give(
	ctx *Context, w WindowContext[K], parts []windowPart, out Collector[Out],
) error {
	var failure error
	err := r.fn(w, func(yield func(T) bool) {
		if failure == nil {
			failure = r.rows.Each(ctx, parts, func(row *T) bool { return yield(*row) })
		}
	}, out)
	if failure != nil {
		return failure
	}
	return err
}

// sumContents keeps an accumulator for each part.
type sumContents[K comparable, T, A, R any] struct {
	sums state.Map[int64, A]
	agg  Aggregator[T, A, R]
}

func (c *sumContents[K, T, A, R]) open(s *state.Scope) (err error) {
	c.sums, err = state.NewMap[int64, A](s, "sums")
	return err
}

func (c *sumContents[K, T, A, R]) prefetch(ctx *Prefetch, pane int64) { c.sums.Prefetch(ctx, pane) }

func (c *sumContents[K, T, A, R]) add(ctx *Context, to windowPart, row *T) error {
	acc, _, err := c.sums.Get(ctx, to.At)
	if err != nil {
		return err
	}
	c.agg.Add(&acc, row)
	return c.sums.Set(ctx, to.At, acc)
}

func (c *sumContents[K, T, A, R]) drop(ctx *Context, p windowPart) error {
	return c.sums.Remove(ctx, p.At)
}

func (c *sumContents[K, T, A, R]) give(
	ctx *Context, w WindowContext[K], parts []windowPart, out Collector[Windowed[K, R]],
) error {
	var all A
	for i, p := range parts {
		acc, _, err := c.sums.Get(ctx, p.At)
		if err != nil {
			return err
		}
		if i == 0 {
			all = acc
		} else {
			c.agg.Merge(&all, &acc)
		}
	}
	out.Emit(Windowed[K, R]{Key: w.Key, Start: w.Start, End: w.End, Value: c.agg.Result(&all)})
	return nil
}
