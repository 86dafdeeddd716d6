package operator

import (
	"context"
	"iter"
	"sync/atomic"
)

// crew runs user code in coroutines, so that a record which has to wait for state in the middle of its function can be
// put aside: its coroutine sleeps, and another one takes over the loop, which is not on any stack but in the operator.
// A switch costs a tenth of a microsecond; code that does not wait is switched to once a batch. All methods are called
// on the task's goroutine or on the coroutine that has the turn.
type crew[H any] struct {
	// work does what there is to do, until there is nothing more; it must return soon after an error.
	work func(w *worker[H]) error
	hand func(w *worker[H]) H // makes a worker's own things
	idle []*worker[H]
	// turn is the worker that runs; nil while the task's goroutine does.
	turn    *worker[H]
	workers map[*worker[H]]struct{}
	// turns and sleepers tell anyone whether a worker runs, and how many sleep. The first is odd while one runs, and then
	// another number in each turn.
	turns    atomic.Uint64
	sleepers atomic.Int64
}

// worker is a coroutine.
type worker[H any] struct {
	hand   H
	crew   *crew[H]
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	asleep bool // in the middle of a record
	err    error
	home   goroutine
}

// maxIdle is how many coroutines without work are kept.
const maxIdle = 1024

func newCrew[H any](work func(*worker[H]) error, hand func(*worker[H]) H) *crew[H] {
	return &crew[H]{work: work, hand: hand, workers: map[*worker[H]]struct{}{}}
}

// run lets an idle worker work. It returns when that has nothing more to do, or has gone to sleep.
func (c *crew[H]) run() (asleep bool, err error) {
	if len(c.idle) == 0 {
		c.idle = append(c.idle, c.hire())
	}
	w := c.idle[len(c.idle)-1]
	c.idle = c.idle[:len(c.idle)-1]
	return c.resume(w)
}

// resume lets a worker go on, as run does.
func (c *crew[H]) resume(w *worker[H]) (asleep bool, err error) {
	c.turn = w
	if w.asleep {
		w.asleep = false
		c.sleepers.Add(-1)
	}
	c.turns.Add(1)
	w.next()
	c.turns.Add(1)
	c.turn = nil
	if w.asleep {
		return true, nil
	}
	if len(c.idle) < maxIdle {
		c.idle = append(c.idle, w)
	} else {
		c.dismiss(w)
	}
	return false, w.err
}

func (c *crew[H]) hire() *worker[H] {
	w := &worker[H]{crew: c}
	w.hand = c.hand(w)
	w.next, w.stop = iter.Pull(func(yield func(struct{}) bool) {
		w.yield, w.home = yield, here()
		for {
			w.err = c.work(w)
			if !yield(struct{}{}) {
				return
			}
		}
	})
	c.workers[w] = struct{}{}
	return w
}

func (c *crew[H]) dismiss(w *worker[H]) {
	delete(c.workers, w)
	w.stop()
}

// sleep puts the worker that has the turn aside until resume. It fails when the task ends meanwhile.
func (w *worker[H]) sleep() error {
	w.asleep = true
	w.crew.sleepers.Add(1)
	if !w.yield(struct{}{}) {
		w.asleep = false
		w.crew.sleepers.Add(-1)
		return errDismissed
	}
	return nil
}

// errDismissed is what a sleeping worker finds when it is woken to end.
var errDismissed = context.Canceled

// close ends all workers. User code that sleeps sees its read fail.
func (c *crew[H]) close() {
	for w := range c.workers {
		c.dismiss(w)
	}
	c.idle = nil
}
