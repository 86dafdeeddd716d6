package task

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// Part is one operator's snapshot.
type Part struct {
	UID string
	operator.Snapshot
	// Captured is what the barrier has overtaken in front of the operator, if it is the head; nil for nothing.
	Captured *channel.Captured
	// Held is how long the operator could do nothing else because of the barrier.
	Held time.Duration
}

// Reporter hears from tasks. Its methods are called on the task's goroutine and must not block.
type Reporter interface {
	// Snapshot says that the task has passed the barrier of a checkpoint.
	Snapshot(task int, checkpoint uint64, parts []Part)
	// SourceEnded says that all rows of a source subtask have been read and passed on.
	SourceEnded(task int)
}

// Source is the head of a chain without input.
type Source interface {
	Step() (flow.Status, error)
	Ready() []<-chan struct{}
	Stop()
}

// Step is an operator of the chain with its uid.
type Step struct {
	UID string
	operator.Operator
}

// Config is what a task is made of.
type Config struct {
	// ID is unique in the job, Name for people.
	ID   int
	Name string
	// Gate, Head and Deliver are the input of a task that is not a source.
	Gate    *channel.Gate
	Head    operator.Progress
	Deliver func(input int, batch any) error
	// Recover, if not nil, brings back what barriers had overtaken, when the operators are open.
	Recover func(ctx context.Context) error
	// Urgency is that of the barriers that a source is asked for.
	Urgency *channel.Urgency
	// Source is set for a source task.
	Source Source
	// Steps are the operators in the order in which rows pass them; Outputs end the chain.
	Steps   []Step
	Outputs []operator.Output
	Report  Reporter
	// Times are the task's clocks.
	Times *Times
}

// Times is how a task has spent its time, in nanoseconds. Anyone may read it.
type Times struct {
	// Idle is the time without input, Waiting that with nothing to do but to wait for state, Blocked the time without
	// credit; the rest was busy.
	Idle, Waiting, Blocked atomic.Int64
}

// Task is a subtask of a chain.
type Task struct {
	Config
	control chan channel.Barrier
	wake    chan struct{}
	clocked []operator.Clocked
	flying  operator.Flying // the head, if it has rows in flight
	ended   bool            // the source has no more rows
	stopped bool            // the source is read no further in this run
}

// New returns a task that is ready to run.
func New(c Config) *Task {
	t := &Task{Config: c, control: make(chan channel.Barrier, 16), wake: make(chan struct{}, 1)}
	for _, s := range c.Steps {
		if clocked, ok := s.Operator.(operator.Clocked); ok {
			t.clocked = append(t.clocked, clocked)
		}
	}
	t.flying, _ = c.Head.(operator.Flying)
	for _, o := range c.Outputs {
		t.clocked = append(t.clocked, o)
	}
	return t
}

// Room reports whether Trigger can ask for another barrier.
func (t *Task) Room() bool { return len(t.control) < cap(t.control) }

// Trigger asks a source task to emit a barrier. It reports whether there was room to ask.
func (t *Task) Trigger(b channel.Barrier) bool {
	select {
	case t.control <- b:
	default:
		return false
	}
	if !b.Overtake.IsZero() {
		t.Urgency.By(b.Overtake)
	}
	if b.Above > 0 { // only in the queue does it show behind how much it is
		t.Urgency.By(time.Now())
	}
	return true
}

// Wake makes a source task look again for splits.
func (t *Task) Wake() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Run processes until a failure or the end of the context, and returns the failure or the context's cause.
// It does not end with the input: whoever owns the task ends it when a checkpoint has made the end durable.
func (t *Task) Run(ctx context.Context) error {
	err := t.guard(func() error { return t.run(ctx) })
	for i := len(t.Steps) - 1; i >= 0; i-- {
		err = errors.Join(err, t.guard(t.Steps[i].Close))
	}
	return err
}

// guard makes an error of a panic: it must not end the process, nor keep operators from being closed.
func (t *Task) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("task %q: panic: %v\n%s", t.Name, p, debug.Stack())
		}
	}()
	return f()
}

func (t *Task) run(ctx context.Context) error {
	for i := len(t.Steps) - 1; i >= 0; i-- {
		if err := t.Steps[i].Open(); err != nil {
			return err
		}
	}
	if t.Recover != nil {
		if err := t.Recover(ctx); err != nil {
			return err
		}
	}
	if t.Source != nil {
		return t.runSource(ctx)
	}
	return t.runGate(ctx)
}

// runGate is the loop of a task with input.
func (t *Task) runGate(ctx context.Context) error {
	for {
		e, ok, err := t.next(ctx)
		if err != nil {
			return err
		}
		if ok {
			err = t.handle(e)
		} else if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && t.flying != nil {
			err = t.resume()
		}
		if err != nil {
			return err
		}
		if err := t.tick(); err != nil {
			return err
		}
	}
}

// next returns the next event, if there is one before the head operator can go on with what it has in flight, or
// something else is due. As long as the head is full there is none.
func (t *Task) next(ctx context.Context) (e channel.Event, ok bool, err error) {
	var wake <-chan struct{}
	waited, full := &t.Times.Idle, false
	if t.flying != nil {
		wake, full = t.flying.Wake(), t.flying.Full()
		if t.flying.Waits() {
			waited = &t.Times.Waiting
		}
	}
	if e, ok := t.tryNext(full); ok {
		return e, true, nil
	}
	begin := time.Now()
	defer func() { waited.Add(int64(time.Since(begin))) }()
	if full {
		return e, false, t.await(ctx, wake)
	}
	return t.Gate.Next(ctx, wake, t.due())
}

// tryNext returns the next event if there is one already: of a head that is full, only a barrier that overtakes.
func (t *Task) tryNext(full bool) (channel.Event, bool) {
	if full {
		return t.Gate.TryUrgent()
	}
	return t.Gate.TryNext()
}

// await waits for what is in flight, for what is due, or for a barrier that overtakes.
func (t *Task) await(ctx context.Context, wake <-chan struct{}) error {
	var due <-chan time.Time
	if at := t.due(); !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-wake:
	case <-t.Gate.Urgency().Begun():
	case <-due:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// resume lets the head go on with what is in flight, if anything is.
func (t *Task) resume() error {
	if !t.flying.Waits() {
		return nil
	}
	return t.flying.Resume()
}

func (t *Task) handle(e channel.Event) error {
	switch {
	case e.Batch != nil:
		return t.Deliver(e.Input, e.Batch)
	case e.Barrier != nil:
		defer t.Gate.Passed()
		return t.barrier(*e.Barrier, e.Captured)
	case e.Status != channel.Unchanged:
		return t.Head.Idle(e.Status == channel.Idle)
	default:
		return t.Head.Watermark(e.Watermark)
	}
}

// barrier takes the snapshots of the chain and sends the barrier on.
func (t *Task) barrier(b channel.Barrier, captured *channel.Captured) error {
	if head, ok := t.flying.(operator.Draining); ok && b.Drains {
		if err := head.Drain(); err != nil {
			return err
		}
	}
	parts := make([]Part, 0, len(t.Steps))
	for _, s := range t.Steps {
		begin := time.Now()
		snap, err := s.Snapshot(b.Checkpoint)
		if err != nil {
			return err
		}
		if len(snap.InFlight) > 0 {
			captured = captured.InFront(snap.InFlight...)
		}
		parts = append(parts, Part{UID: s.UID, Snapshot: snap, Held: time.Since(begin)})
	}
	parts[0].Captured = captured
	for _, o := range t.Outputs {
		if err := o.Barrier(b); err != nil {
			return err
		}
	}
	t.Report.Snapshot(t.ID, b.Checkpoint, parts)
	return nil
}

// due is the earliest time at which an operator or output wants a tick; zero for none.
func (t *Task) due() time.Time {
	var least time.Time
	for _, c := range t.clocked {
		if d := c.Due(); !d.IsZero() && (least.IsZero() || d.Before(least)) {
			least = d
		}
	}
	return least
}

// tick does what is due. The clock is read only when something may be.
func (t *Task) tick() error {
	due := t.due()
	if due.IsZero() {
		return nil
	}
	now := time.Now()
	if now.Before(due) {
		return nil
	}
	for _, c := range t.clocked {
		if d := c.Due(); d.IsZero() || now.Before(d) {
			continue
		}
		if err := c.Tick(now); err != nil {
			return err
		}
	}
	return nil
}
