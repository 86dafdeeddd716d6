package table

import (
	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// rows are those of a table with a key, each with its weight: how often it has been added less often than taken back. It is
// negative as long as what takes a row back has come before what adds it.
type rows[T comparable] struct {
	name    string
	alone   bool // in a join, they come alone where the other side has none
	counted bool // it matters whether there are any
	weights state.Map[T, int64]
	total   state.Value[int64]
}

func (r *rows[T]) open(s *state.Scope, options []state.Option) (err error) {
	if r.weights, err = state.NewMap[T, int64](s, r.name, options...); err != nil || !r.counted {
		return err
	}
	r.total, err = state.NewValue[int64](s, r.name+"/total", options...)
	return err
}

// add changes the weight of a row, and returns what it was and is.
func (r *rows[T]) add(ctx *aquifer.Context, row T, weight int64) (had, now int64, err error) {
	if had, _, err = r.weights.Get(ctx, row); err != nil {
		return 0, 0, err
	}
	if now = had + weight; now == 0 {
		return had, now, r.weights.Remove(ctx, row)
	}
	return had, now, r.weights.Set(ctx, row, now)
}

// count is the sum of all weights, if they are counted.
func (r *rows[T]) count(ctx *aquifer.Context) (n int64, err error) {
	if r.counted {
		n, _, err = r.total.Get(ctx)
	}
	return n, err
}

// tally changes the sum of all weights, if they are counted, and returns what it was and is.
func (r *rows[T]) tally(ctx *aquifer.Context, weight int64) (before, after int64, err error) {
	if before, err = r.count(ctx); err != nil || !r.counted {
		return 0, 0, err
	}
	if after = before + weight; after == 0 {
		return before, after, r.total.Clear(ctx)
	}
	return before, after, r.total.Set(ctx, after)
}
