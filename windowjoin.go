package aquifer

import (
	"fmt"
	"iter"
	"slices"

	"github.com/aquifer-stream/aquifer/window"
)

// CoGroupFunc makes rows of all rows that a window of a key has of both streams. It is what [WindowFunc] is to one
// stream: one of left and right may be empty, but not both.
type CoGroupFunc[K comparable, L, R, Out any] func(
	w WindowContext[K], left iter.Seq[L], right iter.Seq[R], out Collector[Out]) error

// CoGroup applies a function to all rows of each key in each window of two streams: so joins of all kinds can be written.
// It is called when [ProcessWindow] would call its function for the rows of both; event time is the least of both.
// Rows that come late are dropped. The name is the identity of the rows kept in checkpoints.
func CoGroup[K comparable, L, R, Out any](
	c ConnectedStreams[K, L, R], name string, w window.Window, fn CoGroupFunc[K, L, R, Out], options ...Option,
) Stream[Out] {
	newFunc := func() CoProcessFunc[L, R, Out] {
		rows := &rowContents[K, eitherRow[L, R], Out]{fn: fn.ofEither}
		return coGroupFunc[L, R, Out]{newWindowsFunc(w, rows, nil)}
	}
	out, n := addCoProcess(c, "co-group", name, newFunc, options)
	if err := w.Validate(); err != nil {
		c.left.job.graph.Mistake(fmt.Errorf("operator %q: %w", n.Name, err))
	}
	return out
}

// WindowJoin is the inner join of the rows of two streams that have the same key in the same window: it makes a row of
// each pair of a left and a right one, when [ProcessWindow] would call its function for the rows of both. When a
// window fires again, for rows that come late but within the allowed lateness or because its trigger says so, it makes
// all pairs again. The left rows of the window are in memory meanwhile. Rows that come late are dropped. combine gets
// rows to read during the call; it is called by all subtasks at once. The name is the identity of the rows kept in
// checkpoints.
func WindowJoin[K comparable, L, R, Out any](
	c ConnectedStreams[K, L, R], name string, w window.Window, combine func(l *L, r *R) Out, options ...Option,
) Stream[Out] {
	pair := func(_ WindowContext[K], left iter.Seq[L], right iter.Seq[R], out Collector[Out]) error {
		some := slices.Collect(left)
		if len(some) == 0 {
			return nil
		}
		for r := range right {
			for i := range some {
				out.Emit(combine(&some[i], &r))
			}
		}
		return nil
	}
	return CoGroup(c, name, w, pair, options...)
}

// eitherRow is a row of one of two streams. It is stored, so its fields are its format.
type eitherRow[L, R any] struct {
	Left  *L
	Right *R
}

// ofEither gives the function the rows of each side.
func (fn CoGroupFunc[K, L, R, Out]) ofEither(
	w WindowContext[K], rows iter.Seq[eitherRow[L, R]], out Collector[Out],
) error {
	left := func(yield func(L) bool) {
		for row := range rows {
			if row.Left != nil && !yield(*row.Left) {
				return
			}
		}
	}
	right := func(yield func(R) bool) {
		for row := range rows {
			if row.Right != nil && !yield(*row.Right) {
				return
			}
		}
	}
	return fn(w, left, right, out)
}

// coGroupFunc is the function of windows for rows of two streams, which it copies.
type coGroupFunc[L, R, Out any] struct {
	windowsFunc[eitherRow[L, R], Out]
}

func (c coGroupFunc[L, R, Out]) ProcessLeft(ctx *Context, in *L, out Collector[Out]) error {
	l := *in
	return c.Process(ctx, &eitherRow[L, R]{Left: &l}, out)
}

func (c coGroupFunc[L, R, Out]) ProcessRight(ctx *Context, in *R, out Collector[Out]) error {
	r := *in
	return c.Process(ctx, &eitherRow[L, R]{Right: &r}, out)
}

func (c coGroupFunc[L, R, Out]) PrefetchLeft(ctx *Prefetch, _ *L) error  { return c.Prefetch(ctx, nil) }
func (c coGroupFunc[L, R, Out]) PrefetchRight(ctx *Prefetch, _ *R) error { return c.Prefetch(ctx, nil) }
