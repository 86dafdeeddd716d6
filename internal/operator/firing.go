package operator

import (
	"math"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/async"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// milestone is what travels between rows: a watermark, that the stream is idle or not, or rows that belong to no key.
type milestone struct {
	watermark int64
	status    bool // it is about being idle
	idle      bool
	rows      func() error // processes them; nil for none
}

func (m *milestone) isWatermark() bool { return !m.status && m.rows == nil }

// firing are the events of a Process that have come and have not left, and the timers that are due.
type firing struct {
	events     []milestone // in their order; the first may be performed
	performing bool
	due        []dueTimer // popped, up to nextDue begun
	nextDue    int
	derived    int   // timers of the watermark that is performed, in flight
	clock      int64 // the machine's time, which processing timers are fired up to
}

// dueTimer is a timer that has been taken out of its set.
type dueTimer struct {
	slot       keyed.Slot
	at         int64
	processing bool
}

// dueAtOnce is how many timers are popped at once.
const dueAtOnce = 256

func newFiring() firing { return firing{clock: math.MinInt64} }

// happens takes an event, which leaves when everything before it is done.
func (p *Process[K, In, Out]) happens(e milestone) error {
	p.flight.Close()
	p.events = append(p.events, e)
	return p.run()
}

// advance does what rows do not: it performs events and pops timers. It reports whether there may be more to do.
func (p *Process[K, In, Out]) advance() (more bool, err error) {
	if p.nextDue < len(p.due) {
		return false, nil
	}
	p.letGo()
	if p.hurries() {
		return false, nil
	}
	if p.timers.processing != nil && p.clock > math.MinInt64 && !p.full() {
		if more, err = p.pop(p.timers.processing, p.clock, true); more || err != nil {
			return more, err
		}
		p.clock = math.MinInt64
	}
	if !p.performing {
		if _, p.performing = p.flight.Due(); !p.performing {
			return false, nil
		}
	}
	return p.perform(p.events[0])
}

// perform fires the timers of a watermark and sends it on when all of them are done.
func (p *Process[K, In, Out]) perform(e milestone) (more bool, err error) {
	if e.isWatermark() && p.timers.event != nil {
		if p.derived > 0 && p.full() {
			return false, nil
		}
		if more, err = p.pop(p.timers.event, e.watermark, false); more || err != nil {
			return more, err
		}
	}
	if p.derived > 0 {
		return false, nil
	}
	p.flight.Settle()
	p.flight.Leave()
	p.performing = false
	p.events = p.events[1:]
	if err := p.send(); err != nil {
		return false, err
	}
	switch {
	case e.rows != nil:
		return true, e.rows()
	case e.status:
		return true, p.stateless.Idle(e.idle)
	}
	return true, p.stateless.Watermark(e.watermark)
}

// pop takes the next timers up to a time.
func (p *Process[K, In, Out]) pop(timers *keyed.Timers, upTo int64, processing bool) (more bool, err error) {
	if next, ok := timers.Next(); !ok || next > upTo {
		return false, nil
	}
	if p.load == nil { // the slots of its rows must stay where they are
		if err := p.state.age(); err != nil {
			return false, err
		}
		p.state.store.Unpin()
	}
	if err := p.state.writeEarly(); err != nil {
		return false, err
	}
	err = timers.PopSome(upTo, dueAtOnce, func(slot keyed.Slot, at int64) {
		p.state.store.Hold(slot)
		p.due = append(p.due, dueTimer{slot, at, processing})
	})
	return len(p.due) > 0, err
}

// letGo ends the hold on the keys of timers that are done.
func (p *Process[K, In, Out]) letGo() {
	for _, t := range p.due {
		if p.flight.InFlight() == 0 || !p.flight.Busy(async.Key(t.slot)) {
			p.state.store.Release(t.slot)
		}
	}
	p.due, p.nextDue = p.due[:0], 0
}

// isDue reports whether a timer of a key has been popped and has not begun.
func (p *Process[K, In, Out]) isDue(slot keyed.Slot) bool {
	for _, t := range p.due[p.nextDue:] {
		if t.slot == slot {
			return true
		}
	}
	return false
}

// fireNext runs the next timer at once, or puts it in flight behind what its key is busy with.
func (p *Process[K, In, Out]) fireNext(h *hand[K, In, Out]) error {
	t := p.due[p.nextDue]
	p.nextDue++
	busy := p.flight.InFlight() > 0 && p.flight.Busy(async.Key(t.slot)) || p.state.store.Coming(t.slot)
	if busy || t.processing && !p.flight.Ready(p.env.Relaxed) {
		p.putOff(t)
		return nil
	}
	h.ticket = ticket[In]{timer: t}
	if err := p.callTimer(h, t); err != nil {
		return err
	}
	if h.flies {
		return p.ended(h)
	}
	return p.sendMuch()
}

// putOff puts a timer in flight that has not begun. One of a watermark comes before the rows of its key that have not
// begun, and so it may have to wait for what is read for them.
func (p *Process[K, In, Out]) putOff(t dueTimer) {
	var read *awaited
	if p.state.store.Coming(t.slot) {
		read = p.forKey(t.slot)
	}
	pending := 0
	if read != nil {
		pending = 1
	}
	var id async.ID
	if t.processing {
		id = p.flight.Admit(async.Key(t.slot), pending, p.env.Relaxed)
	} else {
		id = p.flight.Derive(async.Key(t.slot), pending)
		p.derived++
	}
	if read != nil {
		read.ids = append(read.ids, id)
	}
	p.keep(id, ticket[In]{timer: t})
}

// startTimer registers a timer that has begun.
func (p *Process[K, In, Out]) startTimer(h *hand[K, In, Out]) async.ID {
	if h.ticket.timer.processing {
		return p.flight.Start(async.Key(h.slot))
	}
	p.derived++
	return p.flight.StartDerived(async.Key(h.slot))
}

// callTimer calls OnTimer.
func (p *Process[K, In, Out]) callTimer(h *hand[K, In, Out], t dueTimer) error {
	h.slot = t.slot
	h.key = *p.state.store.Key(t.slot)
	h.ctx.Watermark = p.arrived
	if !t.processing {
		h.ctx.Watermark = p.events[0].watermark
	}
	h.ctx.Enter(uint32(t.slot), t.at)
	return p.outcome(h, p.onTimer.OnTimer(h.ctx, flow.Timer{Processing: t.processing}, h.out))
}
