package operator

import (
	"context"
	"fmt"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// Async calls a user's function that waits for an outside service, for many rows at once, each on a goroutine of its own.
// No barrier waits for the service unless it must leave nothing in flight: rows whose results have not left are left to
// the snapshot, and so are called again after a restore.
type Async[In, Out any] struct {
	stateless[Out]
	calls    asyncCaller[In, Out]
	cancel   context.CancelFunc
	queue    *asyncQueue[In, Out]
	unbegun  []*asyncRow[In, Out] // because as many have begun as may
	begun    int                  // and their results have not left
	arrivals *arrivals
	stalled  waiting
	in       Pool[In]
	out      Pool[Out]
	rows     *flow.Batch[Out] // on their way out
	rowsIn   int
}

// NewAsync returns the operator that calls fn. It must be the head of its chain.
func NewAsync[In, Out any](env *Env, next Receiver[Out], c AsyncConfig, fn AsyncFunc[In, Out]) *Async[In, Out] {
	ctx, cancel := context.WithCancel(env.Context)
	a := &Async[In, Out]{
		stateless: newStateless(env, next), calls: asyncCaller[In, Out]{c, env, ctx, fn}, cancel: cancel,
		queue: newAsyncQueue[In, Out](c.Unordered), arrivals: newArrivals(), in: PoolOf[In](), out: PoolOf[Out](),
	}
	a.rows = a.out.Get()
	return a
}

// Open lets the function get ready, if it wants to.
func (a *Async[In, Out]) Open() error { return openFunc(a.env, a.calls.fn) }

// Batch begins the calls for its rows, as far as there may be so many.
func (a *Async[In, Out]) Batch(b *flow.Batch[In]) error {
	if a.Full() {
		return fmt.Errorf("operator %q: a batch came while there was no room for it", a.env.Name)
	}
	shared := &asyncBatch[In]{b, len(b.Rows)}
	rows := make([]asyncRow[In, Out], len(b.Rows))
	for i := range rows {
		rows[i] = asyncRow[In, Out]{asyncBatch: shared, at: i}
		a.queue.add(&rows[i])
		a.unbegun = append(a.unbegun, &rows[i])
	}
	a.rowsIn += len(rows)
	return a.Resume()
}

// Watermark leaves behind the results of all rows before it.
func (a *Async[In, Out]) Watermark(t int64) error { return a.happens(milestone{watermark: t}) }

// Idle keeps its place among the rows.
func (a *Async[In, Out]) Idle(idle bool) error { return a.happens(milestone{status: true, idle: idle}) }

func (a *Async[In, Out]) happens(e milestone) error {
	a.queue.happens(e)
	return a.Resume()
}

// Resume sends on what has come and begins calls in its place.
func (a *Async[In, Out]) Resume() error {
	err := a.arrivals.take()
	if err == nil {
		err = a.leave()
	}
	if err != nil {
		return err
	}
	for len(a.unbegun) > 0 && a.begun < a.calls.Capacity {
		a.begin(a.unbegun[0])
		a.unbegun = a.unbegun[1:]
	}
	a.stalled.stall(a.Full())
	stats := a.env.Stats
	stats.InFlight.Store(int64(a.queue.rows))
	stats.Calls.Store(int64(a.arrivals.under))
	return a.send()
}

// begin begins the call for a row.
func (a *Async[In, Out]) begin(r *asyncRow[In, Out]) {
	a.begun++
	in, at := &r.batch.Rows[r.at], r.batch.Times[r.at]
	a.arrivals.begin(func() { r.out, r.err = a.calls.call(in, at) }, func() error { return a.finish(r) })
}

// finish takes the end of a call. One that has failed because the task must stop says nothing else.
func (a *Async[In, Out]) finish(r *asyncRow[In, Out]) error {
	if r.err != nil && a.env.Context.Err() != nil {
		return context.Cause(a.env.Context)
	}
	a.queue.finish(r)
	return r.err
}

// leave lets results and events leave, as far as it is their turn.
func (a *Async[In, Out]) leave() error {
	for {
		r, e := a.queue.next()
		var err error
		switch {
		case r != nil:
			err = a.emits(r)
		case e != nil:
			err = a.perform(*e)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// emits adds the results for a row to those on their way out.
func (a *Async[In, Out]) emits(r *asyncRow[In, Out]) error {
	a.begun--
	for _, row := range r.out {
		a.rows.Append(row, r.batch.Times[r.at])
	}
	if r.users--; r.users == 0 {
		a.in.Put(r.batch)
	}
	if len(a.rows.Rows) < record.DefaultBatch {
		return nil
	}
	return a.send()
}

func (a *Async[In, Out]) perform(e milestone) error {
	if err := a.send(); err != nil {
		return err
	}
	if e.status {
		return a.stateless.Idle(e.idle)
	}
	return a.stateless.Watermark(e.watermark)
}

// send sends results on.
func (a *Async[In, Out]) send() error {
	in := a.rowsIn
	if a.rowsIn = 0; in == 0 && len(a.rows.Rows) == 0 {
		return nil
	}
	a.stalled.tell(a.env.Stats)
	full := a.rows
	a.rows = a.out.Get()
	return a.emit(in, full)
}

// Wake has a token when a call has ended.
func (a *Async[In, Out]) Wake() <-chan struct{} { return a.arrivals.wake }

// Full says that there are rows that have not begun: no more are to come before them.
func (a *Async[In, Out]) Full() bool { return len(a.unbegun) > 0 }

// Waits reports whether results are waited for.
func (a *Async[In, Out]) Waits() bool { return a.queue.rows > 0 }

// Drain waits for all calls.
func (a *Async[In, Out]) Drain() error {
	defer a.stalled.wait()()
	for {
		if err := a.Resume(); err != nil || a.queue.empty() {
			return err
		}
		if err := a.arrivals.wait(a.env.Context); err != nil {
			return err
		}
	}
}

// Snapshot leaves the rows whose results have not left, and the events between them.
func (a *Async[In, Out]) Snapshot(uint64) (Snapshot, error) {
	if err := a.Resume(); err != nil {
		return Snapshot{}, err
	}
	return Snapshot{Watermark: a.last, InFlight: a.left()}, nil
}

func (a *Async[In, Out]) left() []channel.Line {
	if a.queue.empty() {
		return nil
	}
	l := leftovers[In]{
		line: &channel.Line{Channel: -1, Subtask: a.env.Subtask, Watermark: a.last}, pool: a.in,
	}
	for _, g := range a.queue.groups {
		for _, r := range g.rows {
			l.row(r.batch, r.at)
		}
		if g.closed {
			l.event(g.end)
		}
	}
	l.close()
	return []channel.Line{*l.line}
}

// Close ends the calls and waits for them.
func (a *Async[In, Out]) Close() error {
	a.cancel()
	a.arrivals.close()
	return closeFunc(a.env, a.calls.fn)
}
