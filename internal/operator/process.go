package operator

import (
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/state"
)

// ProcessFunc is a user's function over a keyed stream; package aquifer documents it.
type ProcessFunc[In, Out any] interface {
	Open(scope *state.Scope) error
	Process(ctx *flow.Context, in *In, out flow.Collector[Out]) error
}

// TimerFunc is a ProcessFunc with timers.
type TimerFunc[Out any] interface {
	OnTimer(ctx *flow.Context, timer flow.Timer, out flow.Collector[Out]) error
}

// PlanProcess returns what can be known of the state of a function before it runs.
func PlanProcess[K comparable, In, Out any](name string, newFunc func() ProcessFunc[In, Out]) *Planned {
	return planned(name, func(s *stateOf[K]) error {
		_, err := declare(s, newFunc())
		return err
	})
}

// processTimers are the timers of a process function; nil for a function without.
type processTimers struct {
	event, processing *keyed.Timers
}

// declare lets the function declare its state and adds its timers.
func declare[K comparable, In, Out any](s *stateOf[K], fn ProcessFunc[In, Out]) (t processTimers, err error) {
	defer s.env.rescue(&err, func() (any, int64) { return nil, flow.NoTime })
	scope := state.NewScope(s.store)
	defer scope.End()
	if err := fn.Open(scope); err != nil {
		return t, s.env.userError(err, nil, flow.NoTime)
	}
	if _, ok := fn.(TimerFunc[Out]); !ok {
		return t, nil
	}
	if t.event, err = keyed.NewTimers(s.store, "timers/event"); err != nil {
		return t, err
	}
	t.processing, err = keyed.NewTimers(s.store, "timers/processing")
	return t, err
}

// Process applies a user's function to the rows of a keyed stream.
type Process[K comparable, In, Out any] struct {
	stateless[Out]
	state   *stateOf[K]
	key     func(*In) K
	fn      ProcessFunc[In, Out]
	onTimer TimerFunc[Out] // nil if the function has none
	timers  processTimers
	in      Pool[In]
	out     Pool[Out]
	ctx     *flow.Context
	current K // the key of ctx
}

// NewProcess returns the operator that applies fn.
func NewProcess[K comparable, In, Out any](
	env *Env, next Receiver[Out], key func(*In) K, fn ProcessFunc[In, Out],
) (*Process[K, In, Out], error) {
	s, err := newStateOf[K](env)
	if err != nil {
		return nil, err
	}
	p := &Process[K, In, Out]{
		stateless: newStateless(env, next), state: s, key: key, fn: fn,
		in: PoolOf[In](), out: PoolOf[Out](),
	}
	p.ctx = flow.NewContext(env.Context, (*processEngine[K, In, Out])(p))
	p.onTimer, _ = fn.(TimerFunc[Out])
	return p, nil
}

// Open declares the function's state and restores it.
func (p *Process[K, In, Out]) Open() (err error) {
	if p.timers, err = declare(p.state, p.fn); err != nil {
		return err
	}
	p.state.beginAging()
	return p.state.restore()
}

// Batch finds the slots of all keys of the batch, then calls the function row by row.
func (p *Process[K, In, Out]) Batch(b *flow.Batch[In]) error {
	if err := lookup(p.state, b, p.key); err != nil {
		return err
	}
	p.state.store.Touch(p.state.slots)
	n := len(b.Rows)
	out := p.out.Get()
	if err := p.apply(b, out); err != nil {
		return err
	}
	p.state.count()
	p.in.Put(b)
	return p.emit(n, out)
}

func (p *Process[K, In, Out]) apply(b *flow.Batch[In], out *flow.Batch[Out]) (err error) {
	defer p.env.rescue(&err, p.where)
	defer p.ctx.Leave()
	collector := flow.NewCollector(out, &p.ctx.Time)
	for i := range b.Rows {
		p.current = p.state.keys[i]
		p.ctx.Enter(uint32(p.state.slots[i]), b.Times[i])
		if err := p.fn.Process(p.ctx, &b.Rows[i], collector); err != nil {
			return p.env.userError(err, p.current, p.ctx.Time)
		}
	}
	return nil
}

func (p *Process[K, In, Out]) where() (any, int64) { return p.current, p.ctx.Time }

// Watermark fires the timers that are due, then goes on.
func (p *Process[K, In, Out]) Watermark(t int64) error {
	p.ctx.Watermark = t
	if p.timers.event != nil {
		if err := p.fire(p.timers.event, t, flow.Timer{}); err != nil {
			return err
		}
	}
	return p.stateless.Watermark(t)
}

// fire calls OnTimer for all timers up to a time, those included that the calls register.
func (p *Process[K, In, Out]) fire(timers *keyed.Timers, upTo int64, kind flow.Timer) (err error) {
	if next, ok := timers.Next(); !ok || next > upTo {
		return nil
	}
	if err := p.state.age(); err != nil {
		return err
	}
	out := p.out.Get()
	defer p.env.rescue(&err, p.where)
	defer p.ctx.Leave()
	collector := flow.NewCollector(out, &p.ctx.Time)
	err = timers.Pop(upTo, func(slot keyed.Slot, at int64) error {
		if err := p.state.writeEarly(); err != nil {
			return err
		}
		p.current = *p.state.store.Key(slot)
		p.ctx.Enter(uint32(slot), at)
		if err := p.onTimer.OnTimer(p.ctx, kind, collector); err != nil {
			return p.env.userError(err, p.current, at)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.emit(0, out)
}

// Due is when the next processing-time timer fires, or state is looked at for what has expired.
func (p *Process[K, In, Out]) Due() time.Time {
	if p.timers.processing == nil {
		return p.state.aging.due(time.Time{})
	}
	next, ok := p.timers.processing.Next()
	if !ok {
		return p.state.aging.due(time.Time{})
	}
	return p.state.aging.due(time.UnixMilli(next))
}

// Tick lets go what has expired and fires the processing-time timers that are due.
func (p *Process[K, In, Out]) Tick(now time.Time) error {
	if err := p.state.tick(); err != nil {
		return err
	}
	if p.timers.processing == nil {
		return nil
	}
	return p.fire(p.timers.processing, now.UnixMilli(), flow.Timer{Processing: true})
}

// Snapshot freezes the state.
func (p *Process[K, In, Out]) Snapshot(uint64) (Snapshot, error) {
	return Snapshot{Watermark: p.last, State: p.state.freeze()}, nil
}

// Close gives back the memory of the state.
func (p *Process[K, In, Out]) Close() error {
	p.state.store.Close()
	return closeFunc(p.env, p.fn)
}

// closeFunc closes a user's function, if it wants to be.
func closeFunc(env *Env, fn any) (err error) {
	c, ok := fn.(interface{ Close() error })
	if !ok {
		return nil
	}
	defer env.rescue(&err, func() (any, int64) { return nil, flow.NoTime })
	if err := c.Close(); err != nil {
		return env.userError(err, nil, flow.NoTime)
	}
	return nil
}

// processEngine is what a Context asks of the operator.
type processEngine[K comparable, In, Out any] Process[K, In, Out]

func (p *processEngine[K, In, Out]) Key() any { return &p.current }

func (p *processEngine[K, In, Out]) RegisterEventTimer(slot uint32, t int64) error {
	if p.onTimer == nil {
		return flow.ErrNoTimers
	}
	p.timers.event.Register(keyed.Slot(slot), t)
	return nil
}

func (p *processEngine[K, In, Out]) RegisterProcessingTimer(slot uint32, t int64) error {
	if p.onTimer == nil {
		return flow.ErrNoTimers
	}
	p.timers.processing.Register(keyed.Slot(slot), t)
	return nil
}

func (p *processEngine[K, In, Out]) CancelEventTimer(slot uint32, t int64) error {
	if p.onTimer == nil {
		return flow.ErrNoTimers
	}
	p.timers.event.Cancel(keyed.Slot(slot), t)
	return nil
}

func (p *processEngine[K, In, Out]) CancelProcessingTimer(slot uint32, t int64) error {
	if p.onTimer == nil {
		return flow.ErrNoTimers
	}
	p.timers.processing.Cancel(keyed.Slot(slot), t)
	return nil
}

func (p *processEngine[K, In, Out]) ProcessingTime() int64 { return time.Now().UnixMilli() }
