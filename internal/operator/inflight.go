package operator

import (
	"fmt"
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/async"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// inFlight are the rows and timers of a Process that have come and are not done: they wait for state or for their key,
// or sleep in the middle of the user's function. When there are none, a batch is a loop over its rows. All of it
// belongs to the task's turn.
type inFlight[K comparable, In, Out any] struct {
	flights
	reading []*awaited
	crew    *crew[*hand[K, In, Out]]
	home    goroutine // the task's
	tickets []ticket[In]
	entries map[async.ID]*worker[*hand[K, In, Out]] // rows that wait for their first access to state
	awake   []*worker[*hand[K, In, Out]]            // whose reads have come
	lookups lookups[*worker[*hand[K, In, Out]]]
	rows    *flow.Batch[Out] // on their way out; always the same batch, whose columns change
	rowsIn  int
	sent    uint64 // how often these have been
	fold    *flow.Fold
	load    *load[In] // the batch at hand, if not all of its rows have begun or are in flight
	loads   []*load[In]
	drains  bool  // a barrier waits for everything, although it is urgent
	arrived int64 // the last watermark that has come
	firing
}

// load is a batch whose rows are in flight or about to be.
type load[In any] struct {
	batch     *flow.Batch[In]
	slots     []keyed.Slot
	next      int        // the first row that nothing has been done with
	users     int        // rows in flight
	waiting   []async.ID // of those that had not begun when they came to be
	bytes     int64      // that count as in flight
	watermark int64      // that came before it
	reads     []*awaited
	at        int    // the read that the last row which was looked at waits for
	asked     []bool // by row: whether it has asked for more than its key; empty for none
}

// ticket is a record or timer in flight that has not begun.
type ticket[In any] struct {
	load  *load[In] // nil for a timer
	row   int
	timer dueTimer
}

func newInFlight[K comparable, In, Out any](env *Env) inFlight[K, In, Out] {
	return inFlight[K, In, Out]{
		flights: newFlights(env), arrived: flow.NoTime, firing: newFiring(),
		entries: map[async.ID]*worker[*hand[K, In, Out]]{},
	}
}

// take looks at a new batch: where its keys are, and what of its state has to be read.
func (p *Process[K, In, Out]) take(b *flow.Batch[In]) error {
	if p.load != nil {
		return fmt.Errorf("operator %q: a batch came while there was no room for it", p.env.Name)
	}
	l := p.newLoad(b)
	ahead, err := find(p.state, b, p.key, l.slots)
	if err != nil {
		return err
	}
	l.bytes = p.in.weigh(b, p.state.store.Each())
	p.limit.Add(l.bytes)
	p.state.store.Touch(l.slots)
	if err := p.read(l, ahead); err != nil {
		return err
	}
	p.load = l
	p.rowsIn += len(b.Rows)
	return nil
}

func (p *Process[K, In, Out]) newLoad(b *flow.Batch[In]) *load[In] {
	l := &load[In]{}
	if n := len(p.loads); n > 0 {
		l, p.loads = p.loads[n-1], p.loads[:n-1]
	}
	slots := slices.Grow(l.slots[:0], len(b.Rows))[:len(b.Rows)]
	*l = load[In]{
		batch: b, slots: slots, watermark: p.arrived, asked: l.asked[:0], waiting: l.waiting[:0], reads: l.reads[:0],
	}
	return l
}

// run does all that can be done now, and sends on what comes of it.
func (p *Process[K, In, Out]) run() error {
	for more := true; more; {
		if err := p.arrivals.take(); err != nil {
			return err
		}
		var err error
		if more, err = p.turn(); err != nil {
			return err
		}
	}
	p.look()
	p.adapt(p.env)
	p.state.below.stall(p.Full())
	p.tell(p.env.Stats)
	return p.send()
}

// turn lets one worker work. It reports whether there may be more to do.
func (p *Process[K, In, Out]) turn() (more bool, err error) {
	if len(p.awake) > 0 {
		w := p.awake[0]
		p.awake = p.awake[1:]
		_, err := p.crew.resume(w)
		return true, err
	}
	slept, err := p.crew.run()
	if slept || len(p.awake) > 0 || err != nil {
		return true, err
	}
	return p.advance()
}

// work runs timers and rows, until there is nothing to run.
func (p *Process[K, In, Out]) work(w *worker[*hand[K, In, Out]]) (err error) {
	h := w.hand
	defer p.env.rescue(&err, h.where)
	defer h.ctx.Leave()
	for {
		if p.nextDue < len(p.due) {
			err = p.fireNext(h)
		} else if p.hurries() && !p.env.FirstAccess {
			id, ok := p.flight.NextDerived()
			if !ok {
				return nil
			}
			err = p.begin(h, id)
		} else if id, ok := p.flight.Next(); ok && p.entries[id] != nil {
			p.enters(id)
		} else if ok {
			err = p.begin(h, id)
		} else if p.load != nil {
			var blocked bool
			if blocked, err = p.apply(h); blocked {
				return err
			}
		} else {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// apply is the hot loop over the rows of the batch at hand. It returns when the batch has been gone through, when
// the record has slept (another worker may be at another batch), or is blocked by the limit.
func (p *Process[K, In, Out]) apply(h *hand[K, In, Out]) (blocked bool, err error) {
	l := p.load
	h.ctx.Watermark = l.watermark
	h.ticket = ticket[In]{load: l}
	for l.next < len(l.slots) {
		i := l.next
		flying := p.flight.InFlight()
		if flying > 0 && p.full() || p.hurries() {
			return true, nil
		}
		l.next++
		waits := (flying > 0 || len(l.reads) > 0 || len(p.events) > 0) && p.waits(l, i)
		if waits && !p.mayBegin(l, i) {
			p.admit(l, i)
			continue
		}
		h.slot, h.ticket.row = l.slots[i], i
		h.key = p.state.keys[i]
		if waits {
			h.ctx.Begin(l.batch.Times[i])
		} else {
			h.ctx.Enter(uint32(h.slot), l.batch.Times[i])
		}
		if err := p.outcome(h, p.fn.Process(h.ctx, &l.batch.Rows[i], h.out)); err != nil {
			return false, err
		}
		if h.flies {
			return false, p.ended(h)
		}
	}
	p.load = nil
	p.thin(l)
	p.recycle(l)
	return false, p.sendMuch()
}

// waits says whether a row cannot run at once.
func (p *Process[K, In, Out]) waits(l *load[In], i int) bool {
	return !p.flight.Ready(p.overtakes(l, i)) || p.state.store.Held(l.slots[i]) || p.reads(l, i)
}

// overtakes says whether a row need not wait for the events before it. Without timers, a row that is not late by the
// watermarks before it does the same whether they have left or not, and is no later for whoever comes next.
func (p *Process[K, In, Out]) overtakes(l *load[In], i int) bool {
	return p.env.Relaxed || !p.heeds && l.batch.Times[i] > l.watermark
}

// admit puts a row in flight that has not begun.
func (p *Process[K, In, Out]) admit(l *load[In], i int) {
	slot, read := l.slots[i], p.readOf(l, i)
	pending := 0
	if read != nil {
		pending = 1
	}
	p.state.store.Hold(slot)
	id := p.flight.Admit(async.Key(slot), pending, p.overtakes(l, i))
	p.env.Stats.Waited.Add(1)
	if read != nil {
		read.ids = append(read.ids, id)
	}
	l.users++
	l.waiting = append(l.waiting, id)
	p.keep(id, ticket[In]{load: l, row: i})
}

func (p *Process[K, In, Out]) keep(id async.ID, t ticket[In]) {
	for int(id) >= len(p.tickets) {
		p.tickets = append(p.tickets, ticket[In]{})
	}
	p.tickets[id] = t
}

// begin runs a row or timer that has been in flight.
func (p *Process[K, In, Out]) begin(h *hand[K, In, Out], id async.ID) (err error) {
	h.id, h.ticket, h.flies = id, p.tickets[id], true
	p.tickets[id] = ticket[In]{}
	t := &h.ticket
	if t.load == nil {
		err = p.callTimer(h, t.timer)
	} else {
		h.slot = t.load.slots[t.row]
		h.key = *p.state.store.Key(h.slot)
		h.ctx.Watermark = t.load.watermark
		h.ctx.Enter(uint32(h.slot), t.load.batch.Times[t.row])
		err = p.outcome(h, p.fn.Process(h.ctx, &t.load.batch.Rows[t.row], h.out))
	}
	if err != nil {
		return err
	}
	return p.ended(h)
}

// outcome is how a call of user code has ended: also when an iteration over state has, or its first access to state, the
// call has failed.
func (p *Process[K, In, Out]) outcome(h *hand[K, In, Out], err error) error {
	if h.denied != nil {
		err, h.denied = h.denied, nil
	}
	if err == nil {
		err = p.state.store.Failure(h.slot)
	}
	if err != nil {
		return p.env.userError(err, h.key, h.ctx.Time)
	}
	return nil
}

// ended frees the key of a record that was in flight, and its place in the batch.
func (p *Process[K, In, Out]) ended(h *hand[K, In, Out]) error {
	id, t := h.id, h.ticket
	h.id, h.ticket, h.flies = 0, ticket[In]{}, false
	if p.flight.Done(id) && !p.isDue(h.slot) {
		p.state.store.Release(h.slot)
	}
	if t.load != nil {
		t.load.users--
		p.recycle(t.load)
	} else if !t.timer.processing {
		p.derived--
	}
	return p.sendMuch()
}

// recycle gives back a batch that nobody needs any more.
func (p *Process[K, In, Out]) recycle(l *load[In]) {
	if l.users > 0 || l == p.load {
		return
	}
	p.limit.Add(-l.bytes)
	p.in.recycle(l.batch)
	clear(l.reads)
	l.batch, l.reads = nil, l.reads[:0]
	p.loads = append(p.loads, l)
}

// sendMuch sends rows on when they fill a batch.
func (p *Process[K, In, Out]) sendMuch() error {
	if len(p.rows.Rows) < record.DefaultBatch && !sides(p.env.Sides).much() {
		return nil
	}
	return p.send()
}

// send sends the rows on. Workers hold on to the batch that they add to, so it is its columns that leave.
func (p *Process[K, In, Out]) send() error {
	in := p.rowsIn
	p.rowsIn = 0
	if in == 0 && len(p.rows.Rows) == 0 && !sides(p.env.Sides).pending() {
		return nil
	}
	p.state.count()
	full := p.out.Get()
	*full, *p.rows = *p.rows, *full
	p.sent++
	return p.emit(in, full)
}

// idle reports whether all that has come is done.
func (p *Process[K, In, Out]) idle() bool {
	return p.flight.InFlight() == 0 && p.load == nil && len(p.events) == 0
}

// Resume goes on with what is in flight.
func (p *Process[K, In, Out]) Resume() error { return p.run() }

// Full says that nothing more is to come before Resume.
func (p *Process[K, In, Out]) Full() bool {
	return p.load != nil || p.full()
}

// Waits reports whether anything is in flight.
func (p *Process[K, In, Out]) Waits() bool { return p.flight.InFlight() > 0 || p.load != nil }
