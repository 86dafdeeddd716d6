package operator

import (
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/async"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// leave waits until nothing is in flight; from when on a barrier is urgent, only until nothing is in the middle of a
// function and no timer that has been popped is left. What has not begun by then is left to the snapshot, and goes on
// behind the barrier.
func (p *Process[K, In, Out]) leave() error {
	leaves := false
	run := func() error {
		if leaves = false; p.hurries() {
			leaves = p.mayLeave()
			p.drains = !leaves
		}
		return p.run()
	}
	return p.settle(p.env, p.state.below, run, func() bool {
		return p.idle() || leaves && p.flight.Parked() == 0 && p.derived == 0 && p.nextDue == len(p.due)
	})
}

// hurries reports whether nothing may begin, because a barrier is urgent.
func (p *Process[K, In, Out]) hurries() bool { return p.env.Urgency.Is() && !p.drains }

// mayLeave says whether what has begun ends without what is left. Rows that began without their key may wait for others
// that have not begun: work lets these run as long as there are such. Processing timers that wait for their key
// would be lost. Rows that belong to no key are never left: they have come to every subtask.
func (p *Process[K, In, Out]) mayLeave() bool {
	if slices.ContainsFunc(p.events, func(m milestone) bool { return m.rows != nil }) {
		return false
	}
	for id := range p.flight.Unstarted() {
		if p.tickets[id].load == nil {
			return false
		}
	}
	return true
}

// left are copies of the rows that have not begun, and the events between and behind them.
func (p *Process[K, In, Out]) left() []channel.Line {
	if p.idle() {
		return nil
	}
	l := newLeftovers[In](p.env, p.last)
	l.inFlight(p.flight, p.events, func(id async.ID) (*flow.Batch[In], int) {
		t := &p.tickets[id]
		return t.load.batch, t.row
	})
	for i := p.loadNext(); p.load != nil && i < len(p.load.slots); i++ {
		l.row(p.load.batch, i)
	}
	return l.lines()
}

// loadNext is the first row of the batch at hand that nothing has been done with.
func (p *Process[K, In, Out]) loadNext() int {
	if p.load == nil {
		return 0
	}
	return p.load.next
}

// leftovers makes a line of rows and events.
type leftovers[In any] struct {
	line  *channel.Line
	pool  Pool[In]
	batch *flow.Batch[In]
	seen  int // events
}

func newLeftovers[In any](env *Env, watermark int64) *leftovers[In] {
	return &leftovers[In]{
		line: &channel.Line{Channel: -1, Subtask: env.Subtask, Watermark: watermark}, pool: PoolOf[In](),
	}
}

// inFlight adds the rows in flight that have not begun, and the events between and behind them.
func (l *leftovers[In]) inFlight(c *async.Controller, events []milestone, at func(async.ID) (*flow.Batch[In], int)) {
	first := c.Oldest()
	for id, event := range c.Unstarted() {
		l.events(events, int(event-first))
		l.row(at(id))
	}
	l.events(events, len(events))
}

func (l *leftovers[In]) lines() []channel.Line {
	l.close()
	return []channel.Line{*l.line}
}

func (l *leftovers[In]) row(from *flow.Batch[In], i int) {
	if l.batch == nil {
		l.batch = l.pool.Get()
	}
	l.batch.Append(from.Rows[i], from.Times[i])
	if len(l.batch.Rows) == record.DefaultBatch {
		l.close()
	}
}

// events adds those before the one with a number.
func (l *leftovers[In]) events(all []milestone, upTo int) {
	for ; l.seen < upTo; l.seen++ {
		l.event(all[l.seen])
	}
}

func (l *leftovers[In]) event(e milestone) {
	l.close()
	m := channel.Control()
	switch {
	case !e.status:
		m.Watermark = e.watermark
	case e.idle:
		m.Status = channel.Idle
	default:
		m.Status = channel.Active
	}
	l.line.Messages = append(l.line.Messages, m)
}

// close ends the batch.
func (l *leftovers[In]) close() {
	if l.batch == nil {
		return
	}
	m := channel.Control()
	m.Batch = l.batch
	l.line.Messages, l.batch = append(l.line.Messages, m), nil
}
