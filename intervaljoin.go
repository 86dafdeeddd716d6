package aquifer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/state"
)

// IntervalJoin makes a row of each pair of a left and a right row with the same key whose event times are so close: the
// right one's is at least lower and at most upper after the left one's; both may be negative. It does so when the
// later one comes, with that one's event time. Rows that come late, behind the watermark, are dropped; others are kept
// until no row can come any more that they could be paired with. combine gets rows to read during the call.
func IntervalJoin[K comparable, L, R, Out any](
	c ConnectedStreams[K, L, R], name string, lower, upper time.Duration, combine func(l *L, r *R) Out, options ...Option,
) Stream[Out] {
	if lower > upper || lower%time.Millisecond != 0 || upper%time.Millisecond != 0 {
		c.left.job.graph.Mistake(fmt.Errorf("operator %q: rows from %v to %v after others cannot be joined: "+
			"both must be whole milliseconds, and the first not above the second", name, lower, upper))
	}
	return CoProcess(c, name, func() CoProcessFunc[L, R, Out] {
		return &intervalJoiner[L, R, Out]{combine: combine, lower: lower.Milliseconds(), upper: upper.Milliseconds()}
	}, options...)
}

// intervalJoiner keeps the rows of both sides by their times.
type intervalJoiner[L, R, Out any] struct {
	left         state.Map[int64, []L]
	right        state.Map[int64, []R]
	combine      func(*L, *R) Out
	lower, upper int64 // of the right time minus the left one
}

func (j *intervalJoiner[L, R, Out]) Open(s *state.Scope) (err error) {
	if j.left, err = state.NewMap[int64, []L](s, "left"); err != nil {
		return err
	}
	j.right, err = state.NewMap[int64, []R](s, "right")
	return err
}

func (j *intervalJoiner[L, R, Out]) ProcessLeft(ctx *Context, l *L, out Collector[Out]) error {
	err := within(ctx, j.right, ctx.Time+j.lower, ctx.Time+j.upper, func(r *R) { out.Emit(j.combine(l, r)) })
	return errors.Join(err, keepUntil(ctx, j.left, *l, ctx.Time+j.upper))
}

func (j *intervalJoiner[L, R, Out]) ProcessRight(ctx *Context, r *R, out Collector[Out]) error {
	err := within(ctx, j.left, ctx.Time-j.upper, ctx.Time-j.lower, func(l *L) { out.Emit(j.combine(l, r)) })
	return errors.Join(err, keepUntil(ctx, j.right, *r, ctx.Time-j.lower))
}

// OnTimer forgets the rows that were kept until just before its time.
func (j *intervalJoiner[L, R, Out]) OnTimer(ctx *Context, _ Timer, _ Collector[Out]) error {
	return errors.Join(j.left.Remove(ctx, ctx.Time-1-j.upper), j.right.Remove(ctx, ctx.Time-1+j.lower))
}

var errNoInterval = base.Errorf(base.Config, "a row without event time cannot be joined by it: give the source an EventTime")

// within calls a function for the rows of the other side from a time to another, both included, unless the row at hand
// has come late.
func within[T any](ctx *Context, rows state.Map[int64, []T], from, to int64, pair func(*T)) error {
	if ctx.Time == flow.NoTime {
		return errNoInterval
	}
	if ctx.Time < ctx.Watermark {
		return nil
	}
	all, err := rows.All(ctx)
	if err != nil {
		return err
	}
	for t, some := range all {
		if t < from || t > to {
			continue
		}
		for i := range some {
			pair(&some[i])
		}
	}
	return nil
}

// keepUntil keeps a row until no row of the other side can come any more that is at or before a time.
func keepUntil[T any](ctx *Context, rows state.Map[int64, []T], row T, until int64) error {
	if ctx.Time < ctx.Watermark || until < ctx.Watermark {
		return nil
	}
	some, _, err := rows.Get(ctx, ctx.Time)
	if err != nil {
		return err
	}
	return errors.Join(rows.Set(ctx, ctx.Time, append(slices.Clip(some), row)), ctx.RegisterEventTimer(until+1))
}
