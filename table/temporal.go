package table

import (
	"errors"
	"slices"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
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

// temporalJoiner keeps left rows until all versions at their time are known. What happens at a time is looked at when the
// watermark is behind it.
type temporalJoiner[L, R, Out any] struct {
	outer    bool
	combine  func(*L, *R) Out
	waiting  state.Map[int64, []L] // by event time
	versions state.Map[int64, R]   // by event time
}

func (j *temporalJoiner[L, R, Out]) Open(s *state.Scope) (err error) {
	if j.waiting, err = state.NewMap[int64, []L](s, "waiting"); err != nil {
		return err
	}
	j.versions, err = state.NewMap[int64, R](s, "versions")
	return err
}

func (j *temporalJoiner[L, R, Out]) PrefetchLeft(ctx *aquifer.Prefetch, _ *L) error {
	j.waiting.Prefetch(ctx, ctx.Time)
	return nil
}

func (j *temporalJoiner[L, R, Out]) PrefetchRight(*aquifer.Prefetch, *R) error { return nil }

var errNoTime = base.Errorf(base.Config, "a row without event time cannot be joined by it: give the source an EventTime")

func (j *temporalJoiner[L, R, Out]) ProcessLeft(ctx *aquifer.Context, l *L, _ aquifer.Collector[Out]) error {
	if ctx.Time == flow.NoTime {
		return errNoTime
	}
	if ctx.Time < ctx.Watermark {
		return nil
	}
	rows, _, err := j.waiting.Get(ctx, ctx.Time)
	if err != nil {
		return err
	}
	return errors.Join(j.waiting.Set(ctx, ctx.Time, append(slices.Clip(rows), *l)), ctx.RegisterEventTimer(ctx.Time+1))
}

func (j *temporalJoiner[L, R, Out]) ProcessRight(ctx *aquifer.Context, r *R, _ aquifer.Collector[Out]) error {
	if ctx.Time == flow.NoTime {
		return errNoTime
	}
	if ctx.Time < ctx.Watermark {
		return nil
	}
	return errors.Join(j.versions.Set(ctx, ctx.Time, *r), ctx.RegisterEventTimer(ctx.Time+1))
}

// OnTimer joins the rows of the millisecond before its time, and forgets the versions that no later row can have.
func (j *temporalJoiner[L, R, Out]) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, out aquifer.Collector[Out]) error {
	now := ctx.Time - 1
	version, err := j.version(ctx, now)
	if err != nil {
		return err
	}
	rows, _, err := j.waiting.Get(ctx, now)
	if err != nil {
		return err
	}
	for i := range rows {
		if version != nil || j.outer {
			out.EmitAt(j.combine(&rows[i], version), now)
		}
	}
	return j.waiting.Remove(ctx, now)
}

// version is the one of a time. Those before it are forgotten.
func (j *temporalJoiner[L, R, Out]) version(ctx *aquifer.Context, now int64) (*R, error) {
	all, err := j.versions.All(ctx)
	if err != nil {
		return nil, err
	}
	var past []int64
	var version *R
	for t, r := range all {
		if t > now {
			continue
		}
		if past = append(past, t); t == slices.Max(past) {
			version = &r
		}
	}
	slices.Sort(past)
	for _, t := range past[:max(0, len(past)-1)] {
		if err := j.versions.Remove(ctx, t); err != nil {
			return nil, err
		}
	}
	return version, nil
}
