package table

import (
	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// CountDistinct counts the different values that the rows of each key have had so far. The values are kept, as keys of a
// map. The name is the identity of its state in checkpoints.
func CountDistinct[K, V comparable, T any](
	s aquifer.KeyedStream[K, T], name string, value func(*T) V, options ...aquifer.Option,
) Changelog[Grouped[K, int64]] {
	return aquifer.Process(s, name, func() aquifer.ProcessFunc[T, aquifer.Change[Grouped[K, int64]]] {
		take := func(row *T) (V, int64) { return value(row), 1 }
		return &distinct[K, V, T]{values: rows[V]{name: "values"}, take: take}
	}, options...)
}

// CountDistinctChanges is [CountDistinct] of the rows of a table.
func CountDistinctChanges[K, V comparable, T any](
	s aquifer.KeyedStream[K, aquifer.Change[T]], name string, value func(*T) V, options ...aquifer.Option,
) Changelog[Grouped[K, int64]] {
	return aquifer.Process(s, name, func() aquifer.ProcessFunc[aquifer.Change[T], aquifer.Change[Grouped[K, int64]]] {
		take := func(c *aquifer.Change[T]) (V, int64) { return value(&c.Row), c.Kind.Weight() }
		return &distinct[K, V, aquifer.Change[T]]{values: rows[V]{name: "values"}, take: take}
	}, options...)
}

// distinct counts the values with a weight above zero.
type distinct[K, V comparable, In any] struct {
	take   func(*In) (value V, weight int64)
	values rows[V]
	n      state.Value[int64]
}

func (d *distinct[K, V, In]) Open(s *state.Scope) (err error) {
	if err := d.values.open(s, nil); err != nil {
		return err
	}
	d.n, err = state.NewValue[int64](s, "count")
	return err
}

func (d *distinct[K, V, In]) Prefetch(ctx *aquifer.Prefetch, in *In) error {
	value, _ := d.take(in)
	d.values.weights.Prefetch(ctx, value)
	return nil
}

func (d *distinct[K, V, In]) Process(
	ctx *aquifer.Context, in *In, out aquifer.Collector[aquifer.Change[Grouped[K, int64]]],
) error {
	value, weight := d.take(in)
	had, now, err := d.values.add(ctx, value, weight)
	if err != nil || (had > 0) == (now > 0) {
		return err
	}
	before, _, err := d.n.Get(ctx)
	if err != nil {
		return err
	}
	after := before + weight
	key := aquifer.Key[K](ctx)
	aquifer.Update(ctx, out, counted(key, before), counted(key, after))
	if after == 0 {
		return d.n.Clear(ctx)
	}
	return d.n.Set(ctx, after)
}

// counted is the row of a key with so many values; a key without any has none.
func counted[K comparable](key K, n int64) *Grouped[K, int64] {
	if n == 0 {
		return nil
	}
	return &Grouped[K, int64]{key, n}
}
