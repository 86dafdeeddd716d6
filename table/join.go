package table

import (
	"errors"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// Join is the inner join of two tables: a row of each pair of a left and a right row with the same key, as long as both are
// there. combine gets rows to read during the call. The rows of both tables are kept as keys of a map, so their types must
// have an order-preserving encoding, as the keys of streams must. Of streams that only ever add rows [aquifer.Join] does the
// same at less cost. The name is the identity of the rows kept in checkpoints.
func Join[K, L, R comparable, Out any](
	c aquifer.ConnectedStreams[K, aquifer.Change[L], aquifer.Change[R]], name string,
	combine func(l *L, r *R) Out, options ...Option,
) Changelog[Out] {
	return join(c, name, sides{}, combine, settingsOf(options))
}

// LeftJoin is Join, and for each left row without a right one a row that combine makes with nil for the right one.
func LeftJoin[K, L, R comparable, Out any](
	c aquifer.ConnectedStreams[K, aquifer.Change[L], aquifer.Change[R]], name string,
	combine func(l *L, r *R) Out, options ...aquifer.Option,
) Changelog[Out] {
	return join(c, name, sides{left: true}, combine, settings{options: options})
}

// RightJoin is LeftJoin with the sides exchanged.
func RightJoin[K, L, R comparable, Out any](
	c aquifer.ConnectedStreams[K, aquifer.Change[L], aquifer.Change[R]], name string,
	combine func(l *L, r *R) Out, options ...aquifer.Option,
) Changelog[Out] {
	return join(c, name, sides{right: true}, combine, settings{options: options})
}

// FullJoin is LeftJoin and RightJoin in one.
func FullJoin[K, L, R comparable, Out any](
	c aquifer.ConnectedStreams[K, aquifer.Change[L], aquifer.Change[R]], name string,
	combine func(l *L, r *R) Out, options ...aquifer.Option,
) Changelog[Out] {
	return join(c, name, sides{true, true}, combine, settings{options: options})
}

// sides are those whose rows come alone where the other has none.
type sides struct{ left, right bool }

func join[K, L, R comparable, Out any](
	c aquifer.ConnectedStreams[K, aquifer.Change[L], aquifer.Change[R]], name string, outer sides,
	combine func(l *L, r *R) Out, set settings,
) Changelog[Out] {
	return aquifer.CoProcess(c, name,
		func() aquifer.CoProcessFunc[aquifer.Change[L], aquifer.Change[R], aquifer.Change[Out]] {
			return &joiner[L, R, Out]{
				left:    rows[L]{name: "left", alone: outer.left, counted: outer.right},
				right:   rows[R]{name: "right", alone: outer.right, counted: outer.left},
				combine: combine, options: set.state,
			}
		}, set.options...)
}

// joiner goes by weights, as DBSP does (Budiu et al., VLDB 2023): a row that has been taken back before it was added has a
// negative one, and so do pairs with it, so that the sum is right in the end however changes have come. What is emitted is
// always the difference that a change makes to the result of all that has come.
type joiner[L, R comparable, Out any] struct {
	left    rows[L]
	right   rows[R]
	combine func(*L, *R) Out
	options []state.Option
}

func (j *joiner[L, R, Out]) Open(s *state.Scope) error {
	return errors.Join(j.left.open(s, j.options), j.right.open(s, j.options))
}

func (j *joiner[L, R, Out]) PrefetchLeft(ctx *aquifer.Prefetch, c *aquifer.Change[L]) error {
	j.left.weights.Prefetch(ctx, c.Row)
	j.right.weights.PrefetchAll(ctx)
	return nil
}

func (j *joiner[L, R, Out]) PrefetchRight(ctx *aquifer.Prefetch, c *aquifer.Change[R]) error {
	j.right.weights.Prefetch(ctx, c.Row)
	j.left.weights.PrefetchAll(ctx)
	return nil
}

func (j *joiner[L, R, Out]) ProcessLeft(
	ctx *aquifer.Context, c *aquifer.Change[L], out aquifer.Collector[aquifer.Change[Out]],
) error {
	return pair(ctx, &j.left, &j.right, c, j.combine, out)
}

func (j *joiner[L, R, Out]) ProcessRight(
	ctx *aquifer.Context, c *aquifer.Change[R], out aquifer.Collector[aquifer.Change[Out]],
) error {
	exchanged := func(r *R, l *L) Out { return j.combine(l, r) }
	return pair(ctx, &j.right, &j.left, c, exchanged, out)
}

// pair takes a change of one side, and emits what it changes.
func pair[A, B comparable, Out any](
	ctx *aquifer.Context, mine *rows[A], others *rows[B], c *aquifer.Change[A], combine func(*A, *B) Out,
	out aquifer.Collector[aquifer.Change[Out]],
) error {
	weight := c.Kind.Weight()
	if _, _, err := mine.add(ctx, c.Row, weight); err != nil {
		return err
	}
	before, after, err := mine.tally(ctx, weight)
	if err != nil {
		return err
	}
	if mine.alone {
		partners, err := others.count(ctx)
		if err != nil {
			return err
		}
		if partners <= 0 {
			emit(out, combine(&c.Row, nil), weight)
		}
	}
	all, err := others.weights.All(ctx)
	if err != nil {
		return err
	}
	turns := others.alone && (before <= 0) != (after <= 0) // rows of the other side are alone no more, or now
	for row, w := range all {
		if turns {
			emit(out, combine(nil, &row), -weight*w)
		}
		emit(out, combine(&c.Row, &row), weight*w)
	}
	return nil
}

// emit adds a row as often as its weight says, or takes it back.
func emit[Out any](out aquifer.Collector[aquifer.Change[Out]], row Out, weight int64) {
	kind := aquifer.Insert
	if weight < 0 {
		kind, weight = aquifer.Delete, -weight
	}
	for range weight {
		out.Emit(aquifer.Change[Out]{Kind: kind, Row: row})
	}
}
