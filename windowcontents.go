package aquifer

import (
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
)

// windowPart is a part of what windows hold: a number of rows that are kept together. It is stored, so its fields are
// its format.
type windowPart struct{ Pane, Rows int64 }

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

// paneRow identifies a row that is kept.
type paneRow struct{ Pane, Number int64 }

// rowContents keeps each row by itself: to add one reads nothing.
type rowContents[K comparable, T, Out any] struct {
	rows state.Map[paneRow, T]
	fn   WindowFunc[K, T, Out]
}

func (r *rowContents[K, T, Out]) open(s *state.Scope) (err error) {
	r.rows, err = state.NewMap[paneRow, T](s, "rows")
	return err
}

func (r *rowContents[K, T, Out]) prefetch(*Prefetch, int64) {}

func (r *rowContents[K, T, Out]) add(ctx *Context, to windowPart, row *T) error {
	return r.rows.Set(ctx, paneRow{to.Pane, to.Rows}, *row)
}

func (r *rowContents[K, T, Out]) drop(ctx *Context, p windowPart) error {
	for n := range p.Rows {
		if err := r.rows.Remove(ctx, paneRow{p.Pane, n}); err != nil {
			return err
		}
	}
	return nil
}

func (r *rowContents[K, T, Out]) give(
	ctx *Context, w WindowContext[K], parts []windowPart, out Collector[Out],
) error {
	var failure error
	err := r.fn(w, func(yield func(T) bool) {
		if failure == nil {
			failure = readEach(ctx, r.rows, rowsOfParts(parts), yield)
		}
	}, out)
	if failure != nil {
		return failure
	}
	return err
}

// readTogether is how many entries of a map are read at once.
const readTogether = flow.MaxReads

// readEach yields entries of a map. Those that are not in memory are read in groups.
func readEach[MK comparable, V any](
	ctx *Context, m state.Map[MK, V], keys iter.Seq[MK], yield func(V) bool,
) error {
	var asked []*state.Future[V]
	more := true
	take := func() error {
		for _, f := range asked {
			v, _, err := f.Get(ctx)
			if err != nil {
				return err
			}
			if more = yield(v); !more {
				break
			}
		}
		asked = asked[:0]
		return nil
	}
	for key := range keys {
		if asked = append(asked, m.GetAsync(ctx, key)); len(asked) < readTogether {
			continue
		}
		if err := take(); err != nil || !more {
			return err
		}
	}
	return take()
}

// rowsOfParts are the rows of parts, one part after the other.
func rowsOfParts(parts []windowPart) iter.Seq[paneRow] {
	return func(yield func(paneRow) bool) {
		for _, p := range parts {
			for n := range p.Rows {
				if !yield(paneRow{p.Pane, n}) {
					return
				}
			}
		}
	}
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
	acc, _, err := c.sums.Get(ctx, to.Pane)
	if err != nil {
		return err
	}
	c.agg.Add(&acc, row)
	return c.sums.Set(ctx, to.Pane, acc)
}

func (c *sumContents[K, T, A, R]) drop(ctx *Context, p windowPart) error {
	return c.sums.Remove(ctx, p.Pane)
}

func (c *sumContents[K, T, A, R]) give(
	ctx *Context, w WindowContext[K], parts []windowPart, out Collector[Windowed[K, R]],
) error {
	var all A
	for i, p := range parts {
		acc, _, err := c.sums.Get(ctx, p.Pane)
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
