package operator

import (
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// leave waits until nothing is in flight; from when on a barrier is urgent, only until nothing is in the middle of a
// function and no timer that has been popped is left. What has not begun by then is left to the snapshot, and goes on
// behind the barrier.
func (p *Process[K, In, Out]) leave() error {
	for {
		var urgent <-chan struct{}
		if !p.env.Urgency.Is() { // asked first: it may begin at any moment from here on
			urgent = p.env.Urgency.Begun()
		}
		leaves := false
		if p.hurries() {
			leaves = p.mayLeave()
			p.drains = !leaves
		}
		if err := p.run(); err != nil {
			return err
		}
		if p.idle() || leaves && p.flight.Parked() == 0 && p.derived == 0 && p.nextDue == len(p.due) {
			return nil
		}
		end := p.state.below.wait()
		err := p.arrivals.waitOr(p.env.Context, urgent)
		if end(); err != nil {
			return err
		}
	}
}

// hurries reports whether nothing may begin, because a barrier is urgent.
func (p *Process[K, In, Out]) hurries() bool { return p.env.Urgency.Is() && !p.drains }

// mayLeave says whether what has begun ends without anything that has not. Rows that have begun without their key may
// wait for such, and processing timers that wait for their key would be lost. Rows that belong to no key are never left:
// they have come to every subtask.
func (p *Process[K, In, Out]) mayLeave() bool {
	if p.env.FirstAccess || slices.ContainsFunc(p.events, func(m milestone) bool { return m.rows != nil }) {
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
	l := leftovers[In]{line: &channel.Line{Channel: -1, Subtask: p.env.Subtask, Watermark: p.last}, pool: PoolOf[In]()}
	first := p.flight.Oldest()
	for id, event := range p.flight.Unstarted() {
		l.events(p.events, int(event-first))
		t := &p.tickets[id]
		l.row(t.load.batch, t.row)
	}
	l.events(p.events, len(p.events))
	for i := p.loadNext(); p.load != nil && i < len(p.load.slots); i++ {
		l.row(p.load.batch, i)
	}
	l.close()
	return []channel.Line{*l.line}
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
