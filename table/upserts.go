package table

import (
	"slices"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// Upserts makes of a table, in which each key has one row in the end, what a sink needs that overwrites by key: an Insert or
// UpdateAfter says what the key's row is now, and a Delete that it has none any more; there is no UpdateBefore. The changes
// of a key are in order, however those of the table have come: a row counts until it is taken back, and of several the
// one that came last. The name is the identity of its state in checkpoints. It is what Flink calls an upsert materializer.
func Upserts[K, T comparable](
	s aquifer.KeyedStream[K, aquifer.Change[T]], name string, options ...Option,
) Changelog[T] {
	set := settingsOf(options)
	all := aquifer.Process(s, name, func() aquifer.ProcessFunc[aquifer.Change[T], aquifer.Change[T]] {
		return &upserts[T]{options: set.state}
	}, set.options...)
	return aquifer.Filter(all, func(c *aquifer.Change[T]) bool { return c.Kind != aquifer.UpdateBefore })
}

// version is a row of a key; one that has been taken back before it was added is Owed.
type version[T any] struct {
	Row  T
	Owed bool
}

type upserts[T comparable] struct {
	options []state.Option
	live    state.Value[[]version[T]] // in the order in which they came
}

func (u *upserts[T]) Open(s *state.Scope) (err error) {
	u.live, err = state.NewValue[[]version[T]](s, "live", u.options...)
	return err
}

func (u *upserts[T]) Process(ctx *aquifer.Context, c *aquifer.Change[T], out aquifer.Collector[aquifer.Change[T]]) error {
	before, _, err := u.live.Get(ctx)
	if err != nil {
		return err
	}
	after := apply(before, c)
	was, is := current(before), current(after)
	if was == nil || is == nil || *was != *is {
		aquifer.Update(ctx, out, was, is)
	}
	if len(after) == 0 {
		return u.live.Clear(ctx)
	}
	return u.live.Set(ctx, after)
}

// apply returns the versions after a change: it and its opposite make up for each other.
func apply[T comparable](before []version[T], c *aquifer.Change[T]) []version[T] {
	now := version[T]{c.Row, c.Kind.Weight() < 0}
	for i, v := range slices.Backward(before) {
		if v.Row == now.Row && v.Owed != now.Owed {
			return slices.Concat(before[:i], before[i+1:])
		}
	}
	return append(slices.Clip(before), now)
}

// current is the last row that is there.
func current[T any](versions []version[T]) *T {
	for i := range slices.Backward(versions) {
		if !versions[i].Owed {
			return &versions[i].Row
		}
	}
	return nil
}
