package checkpoint

import "fmt"

// Config are the choices of the protocol. Times are milliseconds.
type Config struct {
	// Interval is the time from the begin of a checkpoint to that of the next; zero for none but the last.
	Interval int64
	// Pause is the least time from the end of a checkpoint, whatever became of it, to the begin of the next periodic one.
	Pause int64
	// Overhead is the share of the time that checkpoints may cost: where they cost more, there is more time between them.
	// Zero is for any.
	Overhead float64
	// Timeout ends a checkpoint that tasks have not acknowledged.
	Timeout int64
	// Tolerated is how many in a row may fail.
	Tolerated int
	// Retain is how many are kept.
	Retain int
	// Tasks is the number of tasks, each of which must acknowledge.
	Tasks int
}

// Event is something that the protocol must know: one of the types below.
type Event interface{ event() }

// Tick says what time it is.
type Tick struct{ Now int64 }

// Ack says that a task's part is durable.
type Ack struct {
	Checkpoint uint64
	Task       int
}

// Decline says that a task has no part to give.
type Decline struct {
	Checkpoint uint64
	Task       int
	Reason     string
}

// Stored says that the head names the checkpoint.
type Stored struct{ Checkpoint uint64 }

// StoreFailed says that the head does not, and never will, name the checkpoint.
type StoreFailed struct {
	Checkpoint uint64
	Err        string
}

// Committed says that the sinks' output is visible.
type Committed struct{ Checkpoint uint64 }

// CommitFailed says that it is not, or not all of it.
type CommitFailed struct {
	Now        int64
	Checkpoint uint64
	Err        string
}

func (Tick) event()         {}
func (Ack) event()          {}
func (Decline) event()      {}
func (Stored) event()       {}
func (StoreFailed) event()  {}
func (Committed) event()    {}
func (CommitFailed) event() {}

// Action is something that the caller must do: one of the types below.
type Action interface{ action() }

// Begin asks for barriers.
type Begin struct {
	Checkpoint uint64
	Reason     Reason
}

// Store asks for the manifest to be written and the head to be advanced.
type Store struct {
	Checkpoint uint64
	Reason     Reason
}

// Commit asks for the sinks' output to be made visible.
type Commit struct{ Checkpoint uint64 }

// Abort says that the checkpoint will not be stored.
type Abort struct {
	Checkpoint uint64
	Cause      string
}

// Retire asks for all checkpoints but those to keep to be deleted.
type Retire struct{ Keep []uint64 }

// Fail asks for the run to end as failed.
type Fail struct{ Cause string }

// Finished asks for the run to end: its last checkpoint is stored and committed.
type Finished struct{ Reason Reason }

func (Begin) action()    {}
func (Store) action()    {}
func (Commit) action()   {}
func (Abort) action()    {}
func (Retire) action()   {}
func (Fail) action()     {}
func (Finished) action() {}

type phase uint8

const (
	idle    phase = iota
	taking        // barriers are under way
	storing       // all tasks have acknowledged
	over          // finished or failed
)

const (
	firstRetry = 100    // milliseconds until a failed commit, or a failed last checkpoint, is tried again
	maxRetry   = 10_000 // and at most
)

// Coordinator is the protocol. It is stepped by one caller, and does nothing by itself.
type Coordinator struct {
	Config
	now   int64
	phase phase
	last  uint64 // the newest number used

	reason   Reason // of the checkpoint being taken
	ticket   Ticket // of who asked for it
	begun    int64
	pending  map[int]struct{} // tasks that have yet to acknowledge
	next     int64            // when the next one is due
	cost     float64          // of a checkpoint, about, in milliseconds
	wanted   Reason           // a last checkpoint that has been asked for
	asker    Ticket           // of who did
	waiting  []Request        // for checkpoints that are not the last, oldest first
	failures int
	down     int    // regions that do not run
	lost     []Lost // those of them that have not been restarted

	retained   []uint64
	commits    []uint64 // stored and not committed, oldest first
	committing bool
	retryAt    int64 // when to try the oldest commit again
	retries    int
	closing    Reason // the reason of the last checkpoint, when it is stored
}

// NewCoordinator returns the protocol of a run. retained are the checkpoints that are there, ascending; newer
// ones get numbers above last.
func NewCoordinator(c Config, last uint64, retained []uint64, now int64) *Coordinator {
	return &Coordinator{Config: c, now: now, last: last, next: now + c.Interval, retained: retained}
}

// At says what time it is, as a Tick does, but nothing that the time has come for is done before the next step: what
// happened until now goes first.
func (c *Coordinator) At(now int64) { c.now = max(c.now, now) }

// Step takes an event and returns what is to be done, in order.
func (c *Coordinator) Step(e Event) []Action {
	if c.phase == over {
		switch e := e.(type) {
		case Tick:
			c.At(e.Now) // a NextTick that stays in the past would keep the caller busy
		case Request:
			return refuse(e.Ticket, refused)
		}
		return nil
	}
	switch e := e.(type) {
	case Tick:
		c.At(e.Now)
	case Request:
		return c.request(e)
	case Lost:
		return c.lose(e)
	case Regained:
		return c.regain(e)
	case Ended:
		return c.end(e.Cause)
	case Ack:
		return c.ack(e)
	case Decline:
		if c.phase == taking && e.Checkpoint == c.last {
			return c.abort(fmt.Sprintf("task %d: %s", e.Task, e.Reason))
		}
	case Spent:
		c.spent(e)
	case Stored:
		return c.stored(e)
	case StoreFailed:
		if c.phase == storing && e.Checkpoint == c.last {
			return c.abort(e.Err)
		}
	case Committed:
		return c.committed(e)
	case CommitFailed:
		c.commitFailed(e)
	}
	return c.due()
}

// due does what the time has come for.
func (c *Coordinator) due() []Action {
	if c.phase == taking && c.now-c.begun >= c.Timeout {
		return c.abort(fmt.Sprintf("%d of %d tasks had not taken part after %d ms", len(c.pending), c.Tasks, c.Timeout))
	}
	actions := c.restarts()
	if len(c.commits) > 0 && !c.committing && c.now >= c.retryAt {
		c.committing = true
		actions = append(actions, Commit{c.commits[0]})
	}
	if c.ready() {
		actions = append(actions, c.begin())
	}
	return actions
}

func (c *Coordinator) begin() Action {
	c.last++
	c.phase, c.begun, c.next = taking, c.now, c.now+c.EffectiveInterval()
	c.reason, c.ticket = c.choose()
	c.pending = map[int]struct{}{}
	for t := range c.Tasks {
		c.pending[t] = struct{}{}
	}
	return Begin{c.last, c.reason}
}

func (c *Coordinator) ack(e Ack) []Action {
	if c.phase != taking || e.Checkpoint != c.last {
		return nil
	}
	delete(c.pending, e.Task)
	if len(c.pending) > 0 {
		return nil
	}
	c.phase = storing
	return []Action{Store{c.last, c.reason}}
}

// abort gives up the checkpoint at hand. A last one is tried again: without it the run cannot end. One that somebody
// asked for is not, and counts for nothing: asking does no harm to the run.
func (c *Coordinator) abort(cause string) []Action {
	c.settle()
	actions := []Action{Abort{c.last, cause}}
	if c.reason.asked() {
		actions = append(actions, c.answer(0, cause)...)
		return append(actions, c.due()...)
	}
	if c.failures++; c.failures > c.Tolerated {
		actions = append(actions, c.end(cause)...)
		return append(actions, Fail{fmt.Sprintf("%d checkpoints in a row have failed, the last one: %s", c.failures, cause)})
	}
	if c.wanted != "" {
		c.next = c.now + retryAfter(c.failures)
	}
	return append(actions, c.restarts()...)
}

func (c *Coordinator) stored(e Stored) []Action {
	if c.phase != storing || e.Checkpoint != c.last {
		return nil
	}
	c.settle()
	c.failures = 0
	if c.reason.Last() {
		c.closing = c.reason
	}
	c.commits = append(c.commits, c.last)
	if !c.reason.Kept() {
		c.retained = append(c.retained, c.last)
	}
	actions := append(c.answer(c.last, ""), c.due()...)
	if len(c.retained) > c.Retain {
		c.retained = append([]uint64(nil), c.retained[len(c.retained)-c.Retain:]...)
	}
	return append(actions, Retire{append([]uint64(nil), c.retained...)})
}

func (c *Coordinator) committed(e Committed) []Action {
	if len(c.commits) == 0 || e.Checkpoint != c.commits[0] {
		return nil
	}
	c.commits, c.committing, c.retries, c.retryAt = c.commits[1:], false, 0, 0
	if c.closing != "" && len(c.commits) == 0 {
		return append(c.end(refused), Finished{c.closing})
	}
	return c.due()
}

func (c *Coordinator) commitFailed(e CommitFailed) {
	if len(c.commits) == 0 || e.Checkpoint != c.commits[0] {
		return
	}
	c.now = max(c.now, e.Now)
	c.retries++
	c.committing, c.retryAt = false, c.now+retryAfter(c.retries)
}

func retryAfter(n int) int64 { return int64(min(firstRetry<<min(n-1, 20), maxRetry)) }

// NextBegin is when the next checkpoint is expected to begin by the time; 0 for never.
func (c *Coordinator) NextBegin() int64 {
	if c.Interval == 0 || c.closing != "" {
		return 0
	}
	return c.next
}

// NextTick is when the protocol next has something to do by the time; never later than a second from now.
func (c *Coordinator) NextTick() int64 {
	next := c.now + 1000
	switch {
	case c.phase == taking:
		next = min(next, c.begun+c.Timeout)
	case c.ready():
		next = c.now
	case c.phase == idle && c.closing == "" && c.down == 0 && (c.Interval > 0 || c.wanted != ""):
		next = min(next, c.next)
	}
	if len(c.commits) > 0 && !c.committing {
		next = min(next, c.retryAt)
	}
	return max(next, c.now)
}
