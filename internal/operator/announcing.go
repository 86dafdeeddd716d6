package operator

import (
	"github.com/aquifer-stream/aquifer/flow"
)

// hearing is what a user's function with a broadcast stream has for its rows, with keys or without.
type hearing[B, Out any] interface {
	ProcessBroadcast(ctx *flow.BroadcastContext, in *B, out flow.Collector[Out]) error
}

// announcing calls a function for the rows that every subtask gets.
type announcing[B, Out any] struct {
	env *Env
	fn  hearing[B, Out]
	ctx *flow.BroadcastContext
	in  Pool[B]
}

func newAnnouncing[B, Out any](env *Env, fn hearing[B, Out]) announcing[B, Out] {
	return announcing[B, Out]{env, fn, flow.NewBroadcastContext(env.Context, sides(env.Sides)), PoolOf[B]()}
}

// take calls the function for each row, at an event time. What it emits is added to out.
func (a *announcing[B, Out]) take(b *flow.Batch[B], watermark int64, out *flow.Batch[Out]) (err error) {
	defer a.env.rescue(&err, func() (any, int64) { return nil, a.ctx.Time })
	defer a.ctx.Leave()
	collector := flow.NewCollector(out, &a.ctx.Time)
	for i := range b.Rows {
		a.ctx.Enter(b.Times[i], watermark)
		if err := a.fn.ProcessBroadcast(a.ctx, &b.Rows[i], collector); err != nil {
			return a.env.userError(err, nil, a.ctx.Time)
		}
	}
	a.in.Put(b)
	return nil
}
