package aquifer

import (
	"time"

	"github.com/aquifer-stream/aquifer/state"
)

// JoinOption changes the settings of a join.
type JoinOption func(*joinSettings)

type joinSettings struct {
	options []Option
	state   []state.Option
}

// JoinTTL forgets rows that came so long ago by the machine's clock: they are paired with no later row. Without it a join
// keeps all rows for ever.
func JoinTTL(ttl time.Duration) JoinOption {
	return func(s *joinSettings) { s.state = append(s.state, state.TTL(ttl)) }
}

// WithJoin passes on options that operators of all kinds have.
func WithJoin(options ...Option) JoinOption {
	return func(s *joinSettings) { s.options = append(s.options, options...) }
}

func joinSettingsOf(options []JoinOption) (s joinSettings) {
	for _, o := range options {
		o(&s)
	}
	return s
}

// Join is the inner join of two streams to which rows are only ever added: it makes a row of each pair of a left and
// a right row with the same key, when the later one comes, with that one's event time. combine gets rows to read during
// the call. The name is the identity of the rows kept in checkpoints.
func Join[K comparable, L, R, Out any](
	c ConnectedStreams[K, L, R], name string, combine func(l *L, r *R) Out, options ...JoinOption,
) Stream[Out] {
	s := joinSettingsOf(options)
	return CoProcess(c, name, func() CoProcessFunc[L, R, Out] {
		return &joiner[L, R, Out]{combine: combine, options: s.state}
	}, s.options...)
}

// joiner keeps the rows of both sides.
type joiner[L, R, Out any] struct {
	left    state.List[L]
	right   state.List[R]
	combine func(*L, *R) Out
	options []state.Option
}

func (j *joiner[L, R, Out]) Open(s *state.Scope) (err error) {
	if j.left, err = state.NewList[L](s, "left", j.options...); err != nil {
		return err
	}
	j.right, err = state.NewList[R](s, "right", j.options...)
	return err
}

func (j *joiner[L, R, Out]) PrefetchLeft(ctx *Prefetch, _ *L) error {
	j.right.Prefetch(ctx)
	return nil
}

func (j *joiner[L, R, Out]) PrefetchRight(ctx *Prefetch, _ *R) error {
	j.left.Prefetch(ctx)
	return nil
}

func (j *joiner[L, R, Out]) ProcessLeft(ctx *Context, l *L, out Collector[Out]) error {
	err := j.right.Each(ctx, func(r *R) bool { out.Emit(j.combine(l, r)); return true })
	if err != nil {
		return err
	}
	return j.left.Append(ctx, *l)
}

func (j *joiner[L, R, Out]) ProcessRight(ctx *Context, r *R, out Collector[Out]) error {
	err := j.left.Each(ctx, func(l *L) bool { out.Emit(j.combine(l, r)); return true })
	if err != nil {
		return err
	}
	return j.right.Append(ctx, *r)
}
