package table

import (
	"errors"
	"reflect"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// Grouped is a row of an aggregate: what has been made of the rows with a key.
type Grouped[K comparable, R any] struct {
	Key   K `json:"key"`
	Value R `json:"value"`
}

// Aggregate sums up all rows of each key that have come so far. The name is the identity of its state in checkpoints. The
// aggregator's functions must not change what slices, maps and pointers of an accumulator lead to.
func Aggregate[K comparable, T, A, R any](
	s aquifer.KeyedStream[K, T], name string, agg aquifer.Aggregator[T, A, R], options ...Option,
) Changelog[Grouped[K, R]] {
	set := settingsOf(options)
	return aquifer.Process(s, name, func() aquifer.ProcessFunc[T, aquifer.Change[Grouped[K, R]]] {
		return &aggregateRows[K, T, A, R]{newAggregate[K](agg, set)}
	}, set.options...)
}

// AggregateChanges is Aggregate of the rows of a table. The aggregator needs its function Remove.
func AggregateChanges[K comparable, T, A, R any](
	s aquifer.KeyedStream[K, aquifer.Change[T]], name string, agg aquifer.Aggregator[T, A, R], options ...Option,
) Changelog[Grouped[K, R]] {
	set := settingsOf(options)
	return aquifer.Process(s, name, func() aquifer.ProcessFunc[aquifer.Change[T], aquifer.Change[Grouped[K, R]]] {
		return &aggregateChanges[K, T, A, R]{newAggregate[K](agg, set)}
	}, set.options...)
}

// group is what is known of the rows with a key: how many there are, and their accumulator.
type group[A any] struct {
	Rows int64
	Acc  A
}

type aggregate[K comparable, T, A, R any] struct {
	agg     aquifer.Aggregator[T, A, R]
	options []state.Option
	now     state.Value[group[A]]
	// Of what is passed on by address there is one of each: another for each row would be garbage.
	group         group[A]
	before, after Grouped[K, R]
}

func newAggregate[K comparable, T, A, R any](agg aquifer.Aggregator[T, A, R], s settings) aggregate[K, T, A, R] {
	return aggregate[K, T, A, R]{agg: agg, options: s.state}
}

func (a *aggregate[K, T, A, R]) Open(s *state.Scope) (err error) {
	if a.agg.Add == nil || a.agg.Result == nil {
		return errNoAdd
	}
	a.now, err = state.NewValue[group[A]](s, "group", a.options...)
	return err
}

// take adds a row to its group, or takes it out.
func (a *aggregate[K, T, A, R]) take(
	ctx *aquifer.Context, row *T, weight int64, out aquifer.Collector[aquifer.Change[Grouped[K, R]]],
) error {
	now, _, err := a.now.Get(ctx)
	if err != nil {
		return err
	}
	key := aquifer.Key[K](ctx)
	before := a.result(&a.before, key, now)
	a.group = now
	if weight > 0 {
		a.agg.Add(&a.group.Acc, row)
	} else {
		a.agg.Remove(&a.group.Acc, row)
	}
	a.group.Rows += weight
	now = a.group
	aquifer.Update(ctx, out, before, a.result(&a.after, key, now))
	if now.Rows == 0 && reflect.ValueOf(&a.group.Acc).Elem().IsZero() {
		return a.now.Clear(ctx)
	}
	return a.now.Set(ctx, now)
}

// result is the row of a group, or nil for one without rows.
func (a *aggregate[K, T, A, R]) result(row *Grouped[K, R], key K, g group[A]) *Grouped[K, R] {
	if g.Rows <= 0 {
		return nil
	}
	a.group = g
	*row = Grouped[K, R]{key, a.agg.Result(&a.group.Acc)}
	return row
}

type aggregateRows[K comparable, T, A, R any] struct{ aggregate[K, T, A, R] }

func (a *aggregateRows[K, T, A, R]) Process(
	ctx *aquifer.Context, row *T, out aquifer.Collector[aquifer.Change[Grouped[K, R]]],
) error {
	return a.take(ctx, row, 1, out)
}

type aggregateChanges[K comparable, T, A, R any] struct{ aggregate[K, T, A, R] }

var errNoAdd = errors.New("the aggregator needs functions Add and Result")

var errNoRemove = errors.New("the aggregator has no function Remove, which rows that are taken back need")

func (a *aggregateChanges[K, T, A, R]) Open(s *state.Scope) error {
	if a.agg.Remove == nil {
		return errNoRemove
	}
	return a.aggregate.Open(s)
}

func (a *aggregateChanges[K, T, A, R]) Process(
	ctx *aquifer.Context, c *aquifer.Change[T], out aquifer.Collector[aquifer.Change[Grouped[K, R]]],
) error {
	return a.take(ctx, &c.Row, c.Kind.Weight(), out)
}
