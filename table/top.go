package table

import (
	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// Ranked is a row of a ranking, with its place, from 1. No two rows of a key have the same place.
type Ranked[T any] struct {
	Rank int64 `json:"rank"`
	Row  T     `json:"row"`
}

// Top is the table of the first n rows of each key in the order of compare, which is negative if its first argument comes
// first. Of rows that are equal in it those that came first are first. The name is the identity of its state in checkpoints.
// With [TTL] the rows of a key are forgotten together.
func Top[K comparable, T any](
	s aquifer.KeyedStream[K, T], name string, n int, compare func(a, b *T) int, options ...Option,
) Changelog[T] {
	return top(s, name, n, compare, emitRows[T], options)
}

// TopRanked is Top with the rank of each row. Where a row comes in between, those behind it get other ranks, and so are
// updated.
func TopRanked[K comparable, T any](
	s aquifer.KeyedStream[K, T], name string, n int, compare func(a, b *T) int, options ...Option,
) Changelog[Ranked[T]] {
	return top(s, name, n, compare, emitRanks[T], options)
}

func top[K comparable, T, Out any](
	s aquifer.KeyedStream[K, T], name string, n int, compare func(a, b *T) int, emit emitter[T, Out], options []Option,
) Changelog[Out] {
	set := settingsOf(options)
	return aquifer.Process(s, name, func() aquifer.ProcessFunc[T, aquifer.Change[Out]] {
		return &topRows[T, Out]{n: n, compare: compare, emit: emit, options: set.state}
	}, set.options...)
}

type topRows[T, Out any] struct {
	n       int
	compare func(a, b *T) int
	emit    emitter[T, Out]
	options []state.Option
	best    state.Value[[]T]
}

func (t *topRows[T, Out]) Open(s *state.Scope) (err error) {
	if err := checkSize(t.n); err != nil {
		return err
	}
	t.best, err = state.NewValue[[]T](s, "best", t.options...)
	return err
}

func (t *topRows[T, Out]) Process(ctx *aquifer.Context, row *T, out aquifer.Collector[aquifer.Change[Out]]) error {
	best, _, err := t.best.Get(ctx)
	if err != nil {
		return err
	}
	at := placeOf(best, row, t.compare)
	if at == t.n {
		return nil
	}
	after := insert(best, at, row, t.n)
	t.emit(best, after, step{at, true}, out)
	return t.best.Set(ctx, after)
}

// placeOf is where a row comes among others: behind those that are equal. Rows are compared where they are: a copy that is
// passed on by address would be garbage.
func placeOf[T any](rows []T, row *T, compare func(a, b *T) int) int {
	low, high := 0, len(rows)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if compare(&rows[middle], row) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// insert returns a copy of rows with another one among them, and at most n of them: what state has must stay as it is.
func insert[T any](rows []T, at int, row *T, n int) []T {
	after := make([]T, 0, min(len(rows)+1, n))
	after = append(append(after, rows[:at]...), *row)
	return append(after, rows[at:min(len(rows), n-1)]...)
}
