package operator

import (
	"context"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// UnkeyedFunc is a user's function over a stream without keys; package aquifer documents it.
type UnkeyedFunc[In, Out any] interface {
	Process(ctx *flow.Context, in *In, out flow.Collector[Out]) error
}

// Unkeyed applies a user's function that has no keyed state.
type Unkeyed[In, Out any] struct {
	stateless[Out]
	fn  UnkeyedFunc[In, Out]
	in  Pool[In]
	out Pool[Out]
	ctx *flow.Context
}

// NewUnkeyed returns the operator that applies fn.
func NewUnkeyed[In, Out any](env *Env, next Receiver[Out], fn UnkeyedFunc[In, Out]) *Unkeyed[In, Out] {
	return &Unkeyed[In, Out]{
		stateless: newStateless(env, next), fn: fn, in: PoolOf[In](), out: PoolOf[Out](),
		ctx: flow.NewContext(env.Context, unkeyedEngine{env.Sides, env.Stats}),
	}
}

// Open lets the function get ready, if it wants to.
func (u *Unkeyed[In, Out]) Open() error { return openFunc(u.env, u.fn) }

// openFunc opens a user's function that has no keyed state, if it wants to be.
func openFunc(env *Env, fn any) (err error) {
	f, ok := fn.(interface{ Open(context.Context) error })
	if !ok {
		return nil
	}
	defer env.rescue(&err, func() (any, int64) { return nil, flow.NoTime })
	if err := f.Open(env.Context); err != nil {
		return env.userError(err, nil, flow.NoTime)
	}
	return nil
}

// Batch calls the function row by row.
func (u *Unkeyed[In, Out]) Batch(b *flow.Batch[In]) error {
	n := len(b.Rows)
	out := u.out.Get()
	if err := u.apply(b, out); err != nil {
		return err
	}
	u.in.Put(b)
	return u.emit(n, out)
}

func (u *Unkeyed[In, Out]) apply(b *flow.Batch[In], out *flow.Batch[Out]) (err error) {
	defer u.env.rescue(&err, func() (any, int64) { return nil, u.ctx.Time })
	defer u.ctx.Leave()
	collector := flow.NewCollector(out, &u.ctx.Time)
	for i := range b.Rows {
		u.ctx.Enter(0, b.Times[i])
		if err := u.fn.Process(u.ctx, &b.Rows[i], collector); err != nil {
			return u.env.userError(err, nil, u.ctx.Time)
		}
	}
	return nil
}

// Watermark tells the function's context the event time.
func (u *Unkeyed[In, Out]) Watermark(t int64) error {
	u.ctx.Watermark = t
	return u.stateless.Watermark(t)
}

// Close closes the function, if it wants to be.
func (u *Unkeyed[In, Out]) Close() error { return closeFunc(u.env, u.fn) }

// unkeyedEngine stands behind the context of a function without keys: there are no timers.
type unkeyedEngine struct {
	sides
	stats *Stats
}

func (unkeyedEngine) Key() any                                    { return new(struct{}) }
func (unkeyedEngine) FirstAccess() (uint32, bool)                 { return 0, false }
func (unkeyedEngine) RegisterEventTimer(uint32, int64) error      { return flow.ErrNoTimers }
func (unkeyedEngine) RegisterProcessingTimer(uint32, int64) error { return flow.ErrNoTimers }
func (unkeyedEngine) CancelEventTimer(uint32, int64) error        { return flow.ErrNoTimers }
func (unkeyedEngine) CancelProcessingTimer(uint32, int64) error   { return flow.ErrNoTimers }
func (unkeyedEngine) ProcessingTime() int64                       { return time.Now().UnixMilli() }
func (e unkeyedEngine) CountLate()                                { e.stats.Late.Add(1) }
