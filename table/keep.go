package table

import (
	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// Deduplicate keeps the first row of each key to come, and drops the others: nothing is ever taken back. With [TTL] a key
// is new again after that time. The name is the identity of its state in checkpoints.
func Deduplicate[K comparable, T any](s aquifer.KeyedStream[K, T], name string, options ...Option) aquifer.Stream[T] {
	set := settingsOf(options)
	return aquifer.Process(s, name, func() aquifer.ProcessFunc[T, T] {
		return &deduplicate[T]{options: set.state}
	}, set.options...)
}

type deduplicate[T any] struct {
	options []state.Option
	seen    state.Value[bool]
}

func (d *deduplicate[T]) Open(s *state.Scope) (err error) {
	d.seen, err = state.NewValue[bool](s, "seen", d.options...)
	return err
}

func (d *deduplicate[T]) Process(ctx *aquifer.Context, row *T, out aquifer.Collector[T]) error {
	seen, _, err := d.seen.Get(ctx)
	if err != nil || seen {
		return err
	}
	out.Emit(*row)
	return d.seen.Set(ctx, true)
}

// KeepFirst is the table of the first row of each key by event time, and of those with equal times the first to come.
func KeepFirst[K comparable, T any](s aquifer.KeyedStream[K, T], name string, options ...Option) Changelog[T] {
	return keepBest(s, name, func(had, now int64) bool { return now < had }, options)
}

// KeepLast is the table of the last row of each key by event time, and of those with equal times the last to come.
func KeepLast[K comparable, T any](s aquifer.KeyedStream[K, T], name string, options ...Option) Changelog[T] {
	return keepBest(s, name, func(had, now int64) bool { return now >= had }, options)
}

func keepBest[K comparable, T any](
	s aquifer.KeyedStream[K, T], name string, better func(had, now int64) bool, options []Option,
) Changelog[T] {
	set := settingsOf(options)
	return aquifer.Process(s, name, func() aquifer.ProcessFunc[T, aquifer.Change[T]] {
		return &keep[T]{better: better, options: set.state}
	}, set.options...)
}

// kept is a row with its event time.
type kept[T any] struct {
	Time int64
	Row  T
}

type keep[T any] struct {
	better  func(had, now int64) bool
	options []state.Option
	row     state.Value[kept[T]]
}

func (k *keep[T]) Open(s *state.Scope) (err error) {
	k.row, err = state.NewValue[kept[T]](s, "row", k.options...)
	return err
}

func (k *keep[T]) Process(ctx *aquifer.Context, row *T, out aquifer.Collector[aquifer.Change[T]]) error {
	had, ok, err := k.row.Get(ctx)
	if err != nil || ok && !k.better(had.Time, ctx.Time) {
		return err
	}
	var before *T
	if ok {
		before = &had.Row
	}
	aquifer.Update(ctx, out, before, row)
	return k.row.Set(ctx, kept[T]{ctx.Time, *row})
}
