package operator

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/async"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// windowSteps is what the kinds of windows do differently when it is a row's or a watermark's turn.
type windowSteps[T any] interface {
	// addRow adds a row whose slots are in memory.
	addRow(r *waitingRow[T]) error
	// wants is what else has to be read before that; nil for nothing.
	wants(r *waitingRow[T]) *keyed.Ahead
	// fireUpTo performs a watermark. If it is not done, it is called again when something has been read.
	fireUpTo(t int64) (done bool, err error)
}

// depart lets the rows of a batch go that have to wait, and does all that can be done now.
func (w *windowing[K, T, A, R]) depart(l *rowLoad[T]) error {
	switch {
	case l.ahead == nil || l.ahead.Empty():
		w.have(l.ids) // what they wait for comes with an earlier batch, behind whose rows they are
		l.ids = l.ids[:0]
	default:
		w.read(l.ahead, func() error {
			w.have(l.ids)
			l.ids = l.ids[:0]
			if l.users--; l.users == 0 {
				w.giveBack(l)
			}
			return nil
		})
		l.users++
	}
	if l.users == 0 {
		w.giveBack(l)
	}
	return w.run()
}

func (w *windowing[K, T, A, R]) giveBack(l *rowLoad[T]) {
	w.limit.Add(-l.bytes)
	w.in.Put(l.batch)
	l.batch, l.ahead = nil, nil
	w.loads = append(w.loads, l)
}

// read begins a grouped read, and calls then when it has been taken.
func (w *windowing[K, T, A, R]) read(a *keyed.Ahead, then func() error) {
	begins(a, w.env.Stats)
	w.arrivals.begin(func() { _ = a.Read(w.state.ctx, w.env.Below) }, func() error {
		if err := w.state.store.Take(a); err != nil {
			return err
		}
		return then()
	})
}

// Resume goes on with what is in flight.
func (w *windowing[K, T, A, R]) Resume() error { return w.run() }

// run does all that can be done now, and sends on what comes of it.
func (w *windowing[K, T, A, R]) run() error {
	for more := true; more; {
		if err := w.arrivals.take(); err != nil {
			return err
		}
		if err := w.addReady(); err != nil {
			return err
		}
		var err error
		if more, err = w.advance(); err != nil {
			return err
		}
	}
	w.adapt(w.env)
	w.state.below.stall(w.Full())
	w.tell(w.env.Stats)
	return w.send()
}

// addReady adds the rows whose turn it is.
func (w *windowing[K, T, A, R]) addReady() (err error) {
	if w.flight.InFlight() == 0 {
		return nil
	}
	defer w.env.rescue(&err, w.where)
	delayed := w.delayed
	w.delayed = nil
	for _, id := range delayed {
		if err := w.turn(id); err != nil {
			return err
		}
	}
	for !w.hurries() {
		id, ok := w.flight.Next()
		if !ok {
			return nil
		}
		if err := w.turn(id); err != nil {
			return err
		}
	}
	return nil
}

// turn adds a row whose turn it is, or lets it wait for what a watermark has asked for, or for what it wants itself.
func (w *windowing[K, T, A, R]) turn(id async.ID) error {
	if w.rows[id].coming() {
		w.delayed = append(w.delayed, id)
		return nil
	}
	if a := w.steps.wants(&w.rows[id]); a != nil {
		w.read(a, func() (err error) {
			defer w.env.rescue(&err, w.where)
			return w.land(id)
		})
		return nil
	}
	return w.land(id)
}

// land adds a row that was in flight.
func (w *windowing[K, T, A, R]) land(id async.ID) error {
	l := w.rows[id].load
	if err := w.steps.addRow(&w.rows[id]); err != nil {
		return err
	}
	if w.landed(id) {
		w.giveBack(l)
	}
	return nil
}

// where is the row that is being added.
func (w *windowing[K, T, A, R]) where() (any, int64) {
	if w.batch == nil {
		return nil, flow.NoTime
	}
	return w.key(&w.batch.Rows[w.at]), w.batch.Times[w.at]
}

// Watermark fires what it completes when all rows before it have been added. Event time does not go back.
func (w *windowing[K, T, A, R]) Watermark(t int64) error {
	w.arrived = max(t, w.arrived)
	return w.happens(milestone{watermark: w.arrived})
}

// Idle keeps its place among the rows.
func (w *windowing[K, T, A, R]) Idle(idle bool) error {
	return w.happens(milestone{status: true, idle: idle})
}

func (w *windowing[K, T, A, R]) happens(e milestone) error {
	w.flight.Close()
	w.events = append(w.events, windowEvent{milestone: e})
	return w.run()
}

// advance performs the next event if all before it is done. It reports whether there may be more to do.
func (w *windowing[K, T, A, R]) advance() (more bool, err error) {
	if !w.performing {
		if w.hurries() {
			return false, nil
		}
		if _, w.performing = w.flight.Due(); !w.performing {
			return false, nil
		}
	}
	e := w.events[0]
	if !e.status {
		if done, err := w.fire(e.watermark); !done || err != nil {
			return false, err
		}
	}
	w.flight.Settle()
	w.flight.Leave()
	w.performing, w.events = false, w.events[1:]
	w.have(e.behind)
	if e.status {
		return true, w.idle(e.idle)
	}
	return true, w.forward(e.watermark)
}

// fire lets windows fire; when it is done their results have been sent.
func (w *windowing[K, T, A, R]) fire(t int64) (done bool, err error) {
	w.batch = nil
	defer w.env.rescue(&err, func() (any, int64) { return nil, t })
	if err := w.send(); err != nil {
		return false, err
	}
	if done, err = w.steps.fireUpTo(t); err != nil {
		return false, err
	}
	return done, w.send()
}

// sendMuch sends results on when they fill a batch.
func (w *windowing[K, T, A, R]) sendMuch() error {
	if len(w.fired.Rows) < record.DefaultBatch {
		return nil
	}
	return w.send()
}

// send sends results on.
func (w *windowing[K, T, A, R]) send() error {
	if len(w.fired.Rows) == 0 {
		return nil
	}
	full := w.fired
	w.fired = w.out.Get()
	return w.emit(0, full)
}
