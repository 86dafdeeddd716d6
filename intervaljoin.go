package aquifer

import (
	"errors"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/multimap"
	"github.com/aquifer-stream/aquifer/state"
)

// IntervalJoin makes a row of each pair of a left and a right row with the same key whose event times are so close:
// the right one's is at least lower and at most upper after the left one's; both may be negative. It does so when the
// later one comes, with that one's event time. Rows that come late, behind the watermark, are dropped; others are
// kept until no row can come any more that they could be paired with, and up to a quarter of upper - lower longer.
// combine gets rows to read during the call.
//
// The name is the identity of the rows kept in checkpoints, together with lower and upper: a job does not go on from
// rows that were kept for another interval, unless it is allowed to drop them.
func IntervalJoin[K comparable, L, R, Out any](
	c ConnectedStreams[K, L, R], name string, lower, upper time.Duration, combine func(l *L, r *R) Out, options ...Option,
) Stream[Out] {
	if lower > upper || lower%time.Millisecond != 0 || upper%time.Millisecond != 0 {
		c.left.job.graph.Mistake(fmt.Errorf("operator %q: rows from %v to %v after others cannot be joined: "+
			"both must be whole milliseconds, and the first not above the second", name, lower, upper))
	}
	return CoProcess(c, name, func() CoProcessFunc[L, R, Out] {
		return newIntervalJoiner(lower, upper, combine)
	}, options...)
}

// intervalJoiner keeps the rows of both sides by spans of time, so that a row looks at few that are not its partners.
type intervalJoiner[L, R, Out any] struct {
	left    intervalSide[L]
	right   intervalSide[R]
	combine func(*L, *R) Out
}

func newIntervalJoiner[L, R, Out any](lower, upper time.Duration, combine func(*L, *R) Out) *intervalJoiner[L, R, Out] {
	from, to := lower.Milliseconds(), upper.Milliseconds()
	// The partners of a row lie in five spans at most.
	width := max((to-from)/4+1, 1)
	of := fmt.Sprintf(" from %v to %v", lower, upper)
	return &intervalJoiner[L, R, Out]{
		left:    intervalSide[L]{name: "left" + of, width: width, from: from, to: to},
		right:   intervalSide[R]{name: "right" + of, width: width, from: -to, to: -from},
		combine: combine,
	}
}

func (j *intervalJoiner[L, R, Out]) Open(s *state.Scope) error {
	if err := j.left.open(s); err != nil {
		return err
	}
	return j.right.open(s)
}

func (j *intervalJoiner[L, R, Out]) PrefetchLeft(ctx *Prefetch, _ *L) error {
	prefetchInterval(ctx, &j.left, &j.right)
	return nil
}

func (j *intervalJoiner[L, R, Out]) PrefetchRight(ctx *Prefetch, _ *R) error {
	prefetchInterval(ctx, &j.right, &j.left)
	return nil
}

func (j *intervalJoiner[L, R, Out]) ProcessLeft(ctx *Context, l *L, out Collector[Out]) error {
	return joinInterval(ctx, l, &j.left, &j.right, func(r *R) { out.Emit(j.combine(l, r)) })
}

func (j *intervalJoiner[L, R, Out]) ProcessRight(ctx *Context, r *R, out Collector[Out]) error {
	return joinInterval(ctx, r, &j.right, &j.left, func(l *L) { out.Emit(j.combine(l, r)) })
}

// OnTimer forgets the rows of the spans that its time is the end of.
func (j *intervalJoiner[L, R, Out]) OnTimer(ctx *Context, _ Timer, _ Collector[Out]) error {
	return errors.Join(j.left.forget(ctx), j.right.forget(ctx))
}

var errNoInterval = base.Errorf(base.Config, "a row without event time cannot be joined by it: give the source an EventTime")

// joinInterval pairs a row that comes to its own side with those of the other one, and keeps it.
func joinInterval[A, B any](ctx *Context, row *A, own *intervalSide[A], other *intervalSide[B], pair func(*B)) error {
	if ctx.Time == flow.NoTime {
		return errNoInterval
	}
	if ctx.Time < ctx.Watermark {
		ctx.CountLate()
		return nil
	}
	from, to := own.partners(ctx.Time)
	err := other.rows.Each(ctx, other.span(from), other.span(to), func(b *timedRow[B]) bool {
		if b.Time >= from && b.Time <= to {
			pair(&b.Row)
		}
		return true
	})
	if err != nil || to < ctx.Watermark {
		return err // if it has partners, they have come
	}
	return own.keep(ctx, row)
}

// prefetchInterval names how many rows there are where those are looked for that joinInterval pairs a row with, and
// where it is kept.
func prefetchInterval[A, B any](ctx *Prefetch, own *intervalSide[A], other *intervalSide[B]) {
	from, to := own.partners(ctx.Time)
	for n := range multimap.Numbers(other.span(from), other.span(to)) {
		other.rows.Prefetch(ctx, n)
	}
	own.rows.Prefetch(ctx, own.span(ctx.Time))
}

// intervalSide are the rows of a side that are kept.
type intervalSide[T any] struct {
	name     string
	width    int64 // of a span, in milliseconds
	from, to int64 // of the times of a row's partners minus its own
	rows     multimap.Map[timedRow[T]]
}

func (s *intervalSide[T]) open(scope *state.Scope) (err error) {
	s.rows, err = multimap.Open[timedRow[T]](scope, s.name)
	return err
}

// partners are the times, both included, that the partners of a row of this side may have.
func (s *intervalSide[T]) partners(t int64) (from, to int64) { return later(t, s.from), later(t, s.to) }

// span is the number of the span that a time lies in.
func (s *intervalSide[T]) span(t int64) int64 {
	n := t / s.width
	if t%s.width < 0 {
		n--
	}
	return n
}

// keep keeps the row at hand. The first of a span sets the timer that forgets them all: when no partner can come any
// more of one at the span's end.
func (s *intervalSide[T]) keep(ctx *Context, row *T) error {
	first, err := s.rows.Add(ctx, s.span(ctx.Time), timedRow[T]{ctx.Time, *row})
	if !first {
		return err
	}
	into := (ctx.Time%s.width + s.width) % s.width
	end := later(ctx.Time, s.width-into)
	return errors.Join(err, ctx.RegisterEventTimer(later(end, s.to)))
}

// forget drops the rows of the span that keep has set the timer at hand for, if it has: it may be one of the other
// side.
func (s *intervalSide[T]) forget(ctx *Context) error {
	end := later(ctx.Time, -s.to)
	if end%s.width != 0 {
		return nil
	}
	return s.rows.Drop(ctx, s.span(end)-1)
}

// later is a time so much later, or earlier, within the times that there are.
func later(t, by int64) int64 {
	switch sum := t + by; {
	case by > 0 && sum < t:
		return flow.EndOfTime
	case by < 0 && sum > t:
		return flow.NoTime
	default:
		return sum
	}
}
