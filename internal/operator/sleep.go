package operator

import (
	"context"
	"errors"

	"github.com/aquifer-stream/aquifer/internal/async"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// yielding is how user code reads: the row sleeps, and the task goes on with others.
type yielding[K comparable, In, Out any] struct{ p *Process[K, In, Out] }

// Get implements keyed.Yielding.
func (y yielding[K, In, Out]) Get(key []byte) (value []byte, there bool, err error) {
	p := y.p
	w, err := p.reader()
	if err != nil {
		return nil, false, err
	}
	if w == nil {
		return keyed.Get(p.state.ctx, p.state.below, key)
	}
	g, at := p.lookups.add(key, w)
	if p.lookups.full() {
		p.look()
	}
	if err := p.sleep(w); err != nil {
		return nil, false, err
	}
	return p.lookups.see(g, at)
}

// Yield implements keyed.Yielding.
func (y yielding[K, In, Out]) Yield(read func(below keyed.Below) error) error {
	p := y.p
	w, err := p.reader()
	if err != nil {
		return err
	}
	if w == nil {
		return read(p.state.below)
	}
	p.arrivals.begin(func() { err = read(p.env.Below) }, func() error {
		p.awake = append(p.awake, w)
		return nil
	})
	if err := p.sleep(w); err != nil {
		return err
	}
	return err
}

// look lets those keys be read that rows sleep for.
func (p *Process[K, In, Out]) look() {
	g := p.lookups.close()
	if g == nil {
		return
	}
	p.arrivals.begin(func() { g.read(p.state.ctx, p.env.Below) }, func() error {
		p.awake = append(p.awake, g.sleepers...)
		return nil
	})
}

// errForeign is what a goroutine finds that uses state and is not the record's.
var errForeign = errors.New("state is used on a goroutine that is not the one the function was called on: " +
	"use it there, or pass what is needed to the goroutine")

// reader is the worker whose row wants to read; nil if it is no row that does. Once the operator closes no read begins.
func (p *Process[K, In, Out]) reader() (*worker[*hand[K, In, Out]], error) {
	home, w := p.home, p.crew.turn
	if w != nil {
		home = w.home
	}
	if !home.same() {
		return nil, errForeign
	}
	return w, context.Cause(p.state.ctx)
}

// sleep lets the row at hand wait until its worker is awake, while others go on.
func (p *Process[K, In, Out]) sleep(w *worker[*hand[K, In, Out]]) error {
	h := w.hand
	if !h.flies {
		p.lift(h)
	}
	p.env.Stats.Suspensions.Add(1)
	time, watermark := h.ctx.Time, h.ctx.Watermark
	if err := w.sleep(); err != nil {
		return err
	}
	h.ctx.Time, h.ctx.Watermark = time, watermark
	return nil
}

// lift puts a record in flight that has begun to run at once.
func (p *Process[K, In, Out]) lift(h *hand[K, In, Out]) {
	p.state.store.Hold(h.slot)
	if h.ticket.load == nil {
		h.id = p.startTimer(h)
	} else {
		h.id = p.flight.Start(async.Key(h.slot))
		h.ticket.load.users++
	}
	h.flies = true
}
