package table

import (
	"errors"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/multimap"
	"github.com/aquifer-stream/aquifer/state"
)

// TemporalJoin makes a row of each left row and the version of the right side that its key had at the left row's event time:
// each right row is a version, from its own event time until that of the next. It does so when no earlier version can
// come any more, with the left row's time; left rows without a version are dropped, and so are rows of either side that
// come late, behind the watermark. Versions are kept until the watermark has passed the next one; the last of each key
// is kept for ever. combine gets rows to read during the call. The name is the identity of its state in checkpoints.
func TemporalJoin[K comparable, L, R, Out any](
	c aquifer.ConnectedStreams[K, L, R], name string, combine func(l *L, r *R) Out, options ...aquifer.Option,
) aquifer.Stream[Out] {
	return temporal(c, name, false, combine, options)
}

// LeftTemporalJoin is [TemporalJoin], but for a left row without a version combine is called with nil.
func LeftTemporalJoin[K comparable, L, R, Out any](
	c aquifer.ConnectedStreams[K, L, R], name string, combine func(l *L, r *R) Out, options ...aquifer.Option,
) aquifer.Stream[Out] {
	return temporal(c, name, true, combine, options)
}

func temporal[K comparable, L, R, Out any](
	c aquifer.ConnectedStreams[K, L, R], name string, outer bool, combine func(l *L, r *R) Out, options []aquifer.Option,
) aquifer.Stream[Out] {
	return aquifer.CoProcess(c, name, func() aquifer.CoProcessFunc[L, R, Out] {
		return &temporalJoiner[L, R, Out]{outer: outer, combine: combine}
	}, options...)
}

// temporalJoiner keeps left rows until all versions at their time are known. What happens at a time is looked at when
// the watermark is behind it. Each left row and each version has a timer for that, so versions become the latest one
// after the other, and the one of a left row's time is the latest by then: none has to be searched for.
type temporalJoiner[L, R, Out any] struct {
	outer   bool
	combine func(*L, *R) Out
	waiting multimap.Map[L]       // by event time
	coming  state.Map[int64, R]   // versions that have not become the latest, by event time
	latest  state.Value[since[R]] // version
}

// since is a version with the time that it is from. It is stored, so its fields are its format.
type since[R any] struct {
	Time int64
	Row  R
}

func (j *temporalJoiner[L, R, Out]) Open(s *state.Scope) (err error) {
	if j.waiting, err = multimap.Open[L](s, "waiting"); err != nil {
		return err
	}
	if j.coming, err = state.NewMap[int64, R](s, "versions"); err != nil {
		return err
	}
	j.latest, err = state.NewValue[since[R]](s, "latest version")
	return err
}

func (j *temporalJoiner[L, R, Out]) PrefetchLeft(ctx *aquifer.Prefetch, _ *L) error {
	j.waiting.Prefetch(ctx, ctx.Time)
	return nil
}

func (j *temporalJoiner[L, R, Out]) PrefetchRight(*aquifer.Prefetch, *R) error { return nil }

func (j *temporalJoiner[L, R, Out]) ProcessLeft(ctx *aquifer.Context, l *L, _ aquifer.Collector[Out]) error {
	late, err := j.late(ctx)
	if err != nil || late {
		return err
	}
	first, err := j.waiting.Add(ctx, ctx.Time, *l)
	if !first {
		return err
	}
	return errors.Join(err, ctx.RegisterEventTimer(ctx.Time+1))
}

func (j *temporalJoiner[L, R, Out]) ProcessRight(ctx *aquifer.Context, r *R, _ aquifer.Collector[Out]) error {
	late, err := j.late(ctx)
	if err != nil || late {
		return err
	}
	return errors.Join(j.coming.Set(ctx, ctx.Time, *r), ctx.RegisterEventTimer(ctx.Time+1))
}

var errNoTime = base.Errorf(base.Config, "a row without event time cannot be joined by it: give the source an EventTime")

// late reports whether the row at hand has come late, and counts it then.
func (j *temporalJoiner[L, R, Out]) late(ctx *aquifer.Context) (bool, error) {
	if ctx.Time == flow.NoTime {
		return false, errNoTime
	}
	latest, some, err := j.latest.Get(ctx)
	if err != nil {
		return false, err
	}
	// After a restore the watermark may be one that others were at, but a version that was the latest stays so.
	late := ctx.Time < ctx.Watermark || some && ctx.Time <= latest.Time
	if late {
		ctx.CountLate()
	}
	return late, nil
}

// OnTimer joins the rows of the millisecond before its time.
func (j *temporalJoiner[L, R, Out]) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, out aquifer.Collector[Out]) error {
	now := ctx.Time - 1
	version, err := j.version(ctx, now)
	if err != nil {
		return err
	}
	rows, err := j.waiting.Take(ctx, now)
	if err != nil {
		return err
	}
	for i := range rows {
		if version != nil || j.outer {
			out.EmitAt(j.combine(&rows[i], version), now)
		}
	}
	return nil
}

// version is the latest version, which is the one of a time that has come there; nil if there is none.
func (j *temporalJoiner[L, R, Out]) version(ctx *aquifer.Context, now int64) (*R, error) {
	row, comes, err := j.coming.Get(ctx, now)
	if err != nil {
		return nil, err
	}
	if comes {
		return &row, errors.Join(j.latest.Set(ctx, since[R]{now, row}), j.coming.Remove(ctx, now))
	}
	latest, some, err := j.latest.Get(ctx)
	if !some {
		return nil, err
	}
	return &latest.Row, err
}
