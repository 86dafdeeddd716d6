package table

import (
	"slices"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// TopChanges is [Top] of the rows of a table: when one of the first rows is taken back, the next one takes its place. So all
// rows are kept, as keys of a map: their type must have an order-preserving encoding, as the keys of streams must.
func TopChanges[K, T comparable](
	s aquifer.KeyedStream[K, aquifer.Change[T]], name string, n int, compare func(a, b *T) int, options ...aquifer.Option,
) Changelog[T] {
	return topChanges(s, name, n, compare, emitRows[T], options)
}

// TopRankedChanges is [TopRanked] of the rows of a table, see [TopChanges].
func TopRankedChanges[K, T comparable](
	s aquifer.KeyedStream[K, aquifer.Change[T]], name string, n int, compare func(a, b *T) int, options ...aquifer.Option,
) Changelog[Ranked[T]] {
	return topChanges(s, name, n, compare, emitRanks[T], options)
}

func topChanges[K, T comparable, Out any](
	s aquifer.KeyedStream[K, aquifer.Change[T]], name string, n int, compare func(a, b *T) int, emit emitter[T, Out],
	options []aquifer.Option,
) Changelog[Out] {
	return aquifer.Process(s, name, func() aquifer.ProcessFunc[aquifer.Change[T], aquifer.Change[Out]] {
		return &topOfTable[T, Out]{n: n, compare: compare, emit: emit}
	}, options...)
}

// topOfTable keeps all rows, and of each key the first ones in their order: more than n of them, so that not each row that
// is taken back makes it look at all others.
type topOfTable[T comparable, Out any] struct {
	n       int
	compare func(a, b *T) int
	emit    emitter[T, Out]
	all     rows[T]
	first   state.Value[front[T]]
}

// front are the first rows of a key.
type front[T any] struct {
	Rows  []T
	Whole bool // there are no others
}

func (t *topOfTable[T, Out]) Open(s *state.Scope) (err error) {
	if err := checkSize(t.n); err != nil {
		return err
	}
	t.all.name = "rows"
	if err := t.all.open(s, nil); err != nil {
		return err
	}
	t.first, err = state.NewValue[front[T]](s, "first")
	return err
}

func (t *topOfTable[T, Out]) Prefetch(ctx *aquifer.Prefetch, c *aquifer.Change[T]) error {
	t.all.weights.Prefetch(ctx, c.Row)
	return nil
}

func (t *topOfTable[T, Out]) Process(
	ctx *aquifer.Context, c *aquifer.Change[T], out aquifer.Collector[aquifer.Change[Out]],
) error {
	had, now, err := t.all.add(ctx, c.Row, c.Kind.Weight())
	if err != nil {
		return err
	}
	before, ok, err := t.first.Get(ctx)
	if err != nil {
		return err
	}
	if !ok {
		before.Whole = true
	}
	var after front[T]
	var s step
	switch {
	case now > max(had, 0):
		s = step{placeOf(before.Rows, &c.Row, t.compare), true}
		after = t.with(before, s.at, &c.Row)
	case had > max(now, 0):
		if s.at = slices.Index(before.Rows, c.Row); s.at < 0 {
			return nil
		}
		if after, err = t.without(ctx, before, s.at); err != nil {
			return err
		}
	default:
		return nil // it was taken back before it had been added
	}
	if s.at < t.n {
		t.emit(head(before.Rows, t.n), head(after.Rows, t.n), s, out)
	}
	if len(after.Rows) == 0 {
		return t.first.Clear(ctx)
	}
	return t.first.Set(ctx, after)
}

func head[T any](rows []T, n int) []T { return rows[:min(n, len(rows))] }

// most is how many of the first rows of a key are kept in their order.
func (t *topOfTable[T, Out]) most() int { return 2 * t.n }

// with is f and one more row. Behind the last one it may be that others come first, which are not known.
func (t *topOfTable[T, Out]) with(f front[T], at int, row *T) front[T] {
	if at == len(f.Rows) && !f.Whole || at == t.most() {
		return front[T]{Rows: f.Rows}
	}
	return front[T]{insert(f.Rows, at, row, t.most()), f.Whole && len(f.Rows) < t.most()}
}

// without is f without one of its rows. If there are too few others then, they are looked for among all.
func (t *topOfTable[T, Out]) without(ctx *aquifer.Context, f front[T], at int) (front[T], error) {
	after := front[T]{slices.Concat(f.Rows[:at], f.Rows[at+1:]), f.Whole}
	if after.Whole || len(after.Rows) >= t.n {
		return after, nil
	}
	known := map[T]int64{}
	for _, row := range after.Rows {
		known[row]++
	}
	all, err := t.all.weights.All(ctx)
	if err != nil {
		return after, err
	}
	var others []T
	for row, weight := range all {
		for range weight - known[row] {
			others = append(others, row)
		}
	}
	slices.SortFunc(others, func(a, b T) int { return t.compare(&a, &b) })
	room := t.most() - len(after.Rows)
	after.Whole = len(others) <= room
	after.Rows = append(after.Rows, others[:min(room, len(others))]...)
	return after, nil
}
