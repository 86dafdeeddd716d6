package aquifer

import (
	"errors"
	"fmt"
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/multimap"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

// OverRow is a row with the aggregate of its frame.
type OverRow[T, R any] struct {
	Row   T `json:"row"`
	Value R `json:"value"`
}

// Over gives each row an aggregate of itself and of rows of its key before it (SQL's OVER (PARTITION BY key ORDER BY
// event time)): those of a [window.Frame]. Rows of a key come out in the order of their event times, those of the same
// time in the order in which they came, when event time has gone past them; so rows that come late, behind the watermark,
// are dropped, or sent to a side output with [LateTo]. An unbounded frame is one accumulator, to which each row is
// added; for a bounded one the rows of the frame are added up for each row, or for each time if the frame is a range.
// The name is the identity of the rows kept in checkpoints.
func Over[K comparable, T, A, R any](
	s KeyedStream[K, T], name string, frame window.Frame, agg Aggregator[T, A, R], options ...WindowOption[T],
) Stream[OverRow[T, R]] {
	var settings windowSettings[T]
	for _, o := range options {
		o(&settings)
	}
	newFunc := func() ProcessFunc[T, OverRow[T, R]] {
		return &overFunc[T, A, R]{frame: frame, agg: agg, late: settings.late}
	}
	out, n := addProcess(s, "over", name, settings.late.ifAny(), newFunc, settings.options)
	err := frame.Validate()
	if err == nil && (agg.Add == nil || agg.Result == nil) {
		err = errors.New("the aggregator has no Add or no Result function")
	}
	if err != nil {
		s.job.graph.Mistake(fmt.Errorf("operator %q: %w", n.Name, err))
	}
	return out
}

// overFunc keeps rows until event time has gone past them, and then the rows that later frames may have, or their sum.
type overFunc[T, A, R any] struct {
	frame   window.Frame
	agg     Aggregator[T, A, R]
	late    *Side[T]
	waiting multimap.Map[T]               // by time
	bounds  state.Value[frameBounds]      // of history
	history state.Map[int64, timedRow[T]] // in the order of frames, for those that are bounded
	sum     state.Value[A]                // for those that are not
}

// frameBounds are the numbers of the first row that is kept and of the next one. They are stored, so their fields are
// their format.
type frameBounds struct{ First, Next int64 }

func (o *overFunc[T, A, R]) Open(s *state.Scope) (err error) {
	if o.waiting, err = multimap.Open[T](s, "waiting"); err != nil {
		return err
	}
	if o.frame.IsUnbounded() {
		o.sum, err = state.NewValue[A](s, "sum")
		return err
	}
	if o.bounds, err = state.NewValue[frameBounds](s, "bounds"); err != nil {
		return err
	}
	o.history, err = state.NewMap[int64, timedRow[T]](s, "history")
	return err
}

// Prefetch names the number of rows of the same time.
func (o *overFunc[T, A, R]) Prefetch(ctx *Prefetch, _ *T) error {
	o.waiting.Prefetch(ctx, ctx.Time)
	return nil
}

func (o *overFunc[T, A, R]) Process(ctx *Context, in *T, _ Collector[OverRow[T, R]]) error {
	if ctx.Time == flow.NoTime {
		return base.Errorf(base.Config, "a row has no event time, so it has no place in an order: give the source an EventTime")
	}
	if ctx.Time < ctx.Watermark {
		return leaveLate(ctx, o.late, in)
	}
	return waitForTurn(ctx, o.waiting, in)
}

// OnTimer emits the rows of the time before, and forgets those that no later frame has.
func (o *overFunc[T, A, R]) OnTimer(ctx *Context, _ Timer, out Collector[OverRow[T, R]]) error {
	at := ctx.Time - 1
	rows, err := o.waiting.Take(ctx, at)
	if err != nil {
		return err
	}
	emit := func(row T, value R) {
		out.EmitAt(OverRow[T, R]{row, value}, at)
	}
	switch {
	case o.frame.IsUnbounded():
		return o.running(ctx, rows, emit)
	case o.frame.IsRange():
		return o.byRange(ctx, at, rows, emit)
	}
	return o.byRows(ctx, at, rows, emit)
}

// running adds rows to the sum of all before.
func (o *overFunc[T, A, R]) running(ctx *Context, rows []T, emit func(T, R)) error {
	sum, _, err := o.sum.Get(ctx)
	if err != nil {
		return err
	}
	result := func() R {
		acc := sum // the result takes it
		return o.agg.Result(&acc)
	}
	for i := range rows {
		o.agg.Add(&sum, &rows[i])
		if !o.frame.IsRange() {
			emit(rows[i], result())
		}
	}
	if o.frame.IsRange() && len(rows) > 0 {
		value := result()
		for _, row := range rows {
			emit(row, value)
		}
	}
	return o.sum.Set(ctx, sum)
}

// byRows gives each row the sum of the last ones.
func (o *overFunc[T, A, R]) byRows(ctx *Context, at int64, rows []T, emit func(T, R)) error {
	b, _, err := o.bounds.Get(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if b.Next-b.First > o.frame.Rows() {
			if err := o.history.Remove(ctx, b.First); err != nil {
				return err
			}
			b.First++
		}
		if err := o.keep(ctx, &b, at, row); err != nil {
			return err
		}
		value, err := o.add(ctx, b)
		if err != nil {
			return err
		}
		emit(row, value)
	}
	return o.bounds.Set(ctx, b)
}

// byRange gives all rows of a time the sum of those up to it. A timer comes when these are in no frame any more.
func (o *overFunc[T, A, R]) byRange(ctx *Context, at int64, rows []T, emit func(T, R)) error {
	b, _, err := o.bounds.Get(ctx)
	if err != nil {
		return err
	}
	if err := o.forget(ctx, &b, at-o.frame.Span()); err != nil {
		return err
	}
	for _, row := range rows {
		if err := o.keep(ctx, &b, at, row); err != nil {
			return err
		}
	}
	if len(rows) > 0 {
		value, err := o.add(ctx, b)
		if err != nil {
			return err
		}
		for _, row := range rows {
			emit(row, value)
		}
		if err := ctx.RegisterEventTimer(at + o.frame.Span() + 1); err != nil {
			return err
		}
	}
	if err := o.forget(ctx, &b, at+1-o.frame.Span()); err != nil {
		return err
	}
	if b.First == b.Next {
		return o.bounds.Clear(ctx)
	}
	return o.bounds.Set(ctx, b)
}

// keep makes a row the last of the history.
func (o *overFunc[T, A, R]) keep(ctx *Context, b *frameBounds, at int64, row T) error {
	b.Next++
	return o.history.Set(ctx, b.Next-1, timedRow[T]{at, row})
}

// add sums up the history.
func (o *overFunc[T, A, R]) add(ctx *Context, b frameBounds) (value R, err error) {
	var acc A
	err = o.history.Each(ctx, b.numbers(), func(_ int64, r *timedRow[T]) bool { o.agg.Add(&acc, &r.Row); return true })
	if err != nil {
		return value, err
	}
	return o.agg.Result(&acc), nil
}

func (b frameBounds) numbers() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for n := b.First; n < b.Next && yield(n); n++ {
		}
	}
}

// forget drops the rows before a time.
func (o *overFunc[T, A, R]) forget(ctx *Context, b *frameBounds, before int64) error {
	for ; b.First < b.Next; b.First++ {
		r, _, err := o.history.Get(ctx, b.First)
		if err != nil || r.Time >= before {
			return err
		}
		if err := o.history.Remove(ctx, b.First); err != nil {
			return err
		}
	}
	return nil
}
