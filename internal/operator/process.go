package operator

import (
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/record"
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

// batches is what a Process has to know of those that it gets.
type batches[In any] interface {
	// weigh is about how many bytes a batch takes, with so many of state for each row.
	weigh(b *flow.Batch[In], state int64) int64
	// recycle takes back a batch that nobody needs any more.
	recycle(b *flow.Batch[In])
	// pick copies rows of a batch, so that nothing holds on to it; nil if that cannot be.
	pick(b *flow.Batch[In], rows []int) *flow.Batch[In]
}

// pooled are the batches that every operator shares.
type pooled[In any] struct {
	Pool[In]
	weight weight[In]
	layout record.Layout
}

func newPooled[In any]() pooled[In] {
	return pooled[In]{PoolOf[In](), newWeight[In](), record.LayoutOf[In]()}
}

func (p pooled[In]) weigh(b *flow.Batch[In], state int64) int64 { return p.weight.of(b, state) }
func (p pooled[In]) recycle(b *flow.Batch[In])                  { p.Put(b) }

// processTimers are the timers of a process function; nil for a function without.
type processTimers struct {
	event, processing *keyed.Timers
}

// stateful is a user's function with state.
type stateful interface {
	Open(scope *state.Scope) error
}

// openState lets a function declare its state.
func openState[K comparable](s *stateOf[K], fn stateful) (err error) {
	defer s.env.rescue(&err, func() (any, int64) { return nil, flow.NoTime })
	scope := state.NewScope(s.store)
	defer scope.End()
	if err := fn.Open(scope); err != nil {
		return s.env.userError(err, nil, flow.NoTime)
	}
	return nil
}

// declare lets the function declare its state and adds its timers.
func declare[K comparable, In, Out any](s *stateOf[K], fn ProcessFunc[In, Out]) (t processTimers, err error) {
	if err := openState(s, fn); err != nil {
		return t, err
	}
	if _, ok := usersOf(fn).(TimerFunc[Out]); !ok {
		return t, nil
	}
	if t.event, err = keyed.NewTimers(s.store, "timers/event"); err != nil {
		return t, err
	}
	t.processing, err = keyed.NewTimers(s.store, "timers/processing")
	return t, err
}

// PrefetchFunc is a ProcessFunc that knows beforehand what state it will use for a row.
type PrefetchFunc[In any] interface {
	Prefetch(ctx *flow.Prefetch, in *In) error
}

// Process applies a user's function to the rows of a keyed stream. A row whose state is in memory, and whose key is
// not busy, runs at once; others are in flight (inflight.go).
type Process[K comparable, In, Out any] struct {
	stateless[Out]
	state    *stateOf[K]
	key      func(*In) K
	fn       ProcessFunc[In, Out]
	onTimer  TimerFunc[Out]   // nil if the function has none
	prefetch PrefetchFunc[In] // nil if the function has none
	heeds    bool             // what a row does may depend on the events before it
	timers   processTimers
	in       batches[In]
	out      Pool[Out]
	inFlight[K, In, Out]
}

// NewProcess returns the operator that applies fn.
func NewProcess[K comparable, In, Out any](
	env *Env, next Receiver[Out], key func(*In) K, fn ProcessFunc[In, Out],
) (*Process[K, In, Out], error) {
	return newProcess(env, next, key, fn, batches[In](newPooled[In]()))
}

func newProcess[K comparable, In, Out any](
	env *Env, next Receiver[Out], key func(*In) K, fn ProcessFunc[In, Out], in batches[In],
) (*Process[K, In, Out], error) {
	s, err := newStateOf[K](env)
	if err != nil {
		return nil, err
	}
	p := &Process[K, In, Out]{
		stateless: newStateless(env, next), state: s, key: key, fn: fn,
		in: in, out: PoolOf[Out](),
	}
	p.onTimer, p.heeds = usersOf(fn).(TimerFunc[Out])
	p.prefetch, _ = fn.(PrefetchFunc[In])
	p.inFlight = newInFlight[K, In, Out](env)
	p.rows = p.out.Get()
	p.fold = flow.NewFold(&p.sent, &s.store.Vacated)
	p.crew = newCrew(p.work, p.newHand)
	s.store.Yielding = yielding[K, In, Out]{p}
	return p, nil
}

// Open declares the function's state and restores it, and the event time that it belongs to: what was late before is
// late afterwards.
func (p *Process[K, In, Out]) Open() (err error) {
	p.home = here()
	if p.timers, err = declare(p.state, p.fn); err != nil {
		return err
	}
	if r := p.env.Restored; r != nil {
		p.last = r.Watermark()
		p.arrived = p.last
	}
	p.state.beginAging()
	return p.state.restore()
}

// Batch finds the slots of all keys of the batch and lets go what is missing to be read. It runs what can run.
func (p *Process[K, In, Out]) Batch(b *flow.Batch[In]) error {
	if err := p.take(b); err != nil {
		return err
	}
	return p.run()
}

// Watermark comes to an end when all rows before it have, and the timers that it makes due. Event time does not go back.
func (p *Process[K, In, Out]) Watermark(t int64) error {
	p.arrived = max(t, p.arrived)
	return p.happens(milestone{watermark: p.arrived})
}

// Idle keeps its place among the rows.
func (p *Process[K, In, Out]) Idle(idle bool) error {
	return p.happens(milestone{status: true, idle: idle})
}

// Due is when the next processing-time timer fires, or state is looked at for what has expired. What a tick has come
// for and what waits for others is not due: whoever waits for it would not wait at all.
func (p *Process[K, In, Out]) Due() (due time.Time) {
	if timers := p.timers.processing; timers != nil {
		next, ok := timers.Next()
		if waits := next <= p.clock && p.full(); ok && !waits {
			due = time.UnixMilli(next)
		}
	}
	if p.load != nil {
		return due // the slots of its rows must stay where they are
	}
	return p.state.aging.due(due)
}

// Tick lets go what has expired and fires the processing-time timers that are due.
func (p *Process[K, In, Out]) Tick(now time.Time) error {
	if p.load == nil { // the slots of its rows must stay where they are
		if err := p.state.tick(); err != nil {
			return err
		}
	}
	p.clock = now.UnixMilli()
	return p.run()
}

// Snapshot waits for what is in flight, or, when the barrier is urgent, for what has begun, and freezes the state.
func (p *Process[K, In, Out]) Snapshot(uint64) (Snapshot, error) {
	defer func() { p.drains = false }()
	if err := p.leave(); err != nil {
		return Snapshot{}, err
	}
	return Snapshot{Watermark: p.last, InFlight: p.left(), State: p.state.freeze()}, nil
}

// Close ends what is in flight and gives back the memory of the state.
func (p *Process[K, In, Out]) Close() error {
	p.state.cancel()
	p.arrivals.close() // first: a read fills what its row holds
	p.crew.close()
	p.state.store.Close()
	return closeFunc(p.env, usersOf(p.fn))
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
