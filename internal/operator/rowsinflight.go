package operator

import (
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/async"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// rowsInFlight are the rows of a window operator that have come and have not been added, and the watermarks that have
// come and have not left. The functions of a window do not use state, so a row that waits has not begun. Rows of a key
// are added in the order in which they came, whatever slice they are of.
//
// Whether a row is late, and for which windows, is decided by the watermark that came before it. One that is behind it
// waits until it has left, also where order is relaxed: all others touch nothing that it fires or forgets. So what
// comes out is the same however long reads take.
//
// So it is, too, for what a barrier that is urgent leaves. No row is behind a watermark that is left, and a watermark
// that has begun to fire is not left: wherever the rows come again, and whatever has come there, none of them is late
// for anything that has not left before them, and key groups know what has (windowing.ahead).
type rowsInFlight[T any] struct {
	flights
	rows       []waitingRow[T] // by async.ID
	delayed    []async.ID      // whose turn it is, but for what timers have asked for of their keys
	events     []windowEvent   // in their order; the first may be performed
	performing bool
	urgency    *channel.Urgency
	relaxed    bool         // rows overtake watermarks
	arrived    int64        // the last watermark that has come
	seats      map[seat]int // that must stay where they are, and how many want that
	loads      []*rowLoad[T]
	weight     weight[T]
	batch      *flow.Batch[T] // of the row being added
	at         int            // the row being added
}

// windowEvent is what travels between rows, and the rows that wait until it has left.
type windowEvent struct {
	milestone
	behind []async.ID
}

// table is what slots are of: a pane, or the store.
type table interface {
	Hold(slot keyed.Slot)
	Release(slot keyed.Slot)
	Coming(slot keyed.Slot) bool
}

// seat is a slot of a table.
type seat struct {
	in   table
	slot keyed.Slot
}

func (s seat) coming() bool { return s.in.Coming(s.slot) }

// waitingRow is a row in flight.
type waitingRow[T any] struct {
	load *rowLoad[T]
	row  int
	seat        // what it is added to
	more []seat // what else it looks at
}

// rowLoad is a batch some of whose rows are in flight or about to be.
type rowLoad[T any] struct {
	batch *flow.Batch[T]
	users int          // rows in flight
	bytes int64        // that count as in flight
	ahead *keyed.Ahead // what its rows need that was not in memory
	ids   []async.ID   // the rows that wait for it
}

func newRowsInFlight[T any](env *Env) rowsInFlight[T] {
	return rowsInFlight[T]{
		flights: newFlights(env), weight: newWeight[T](), arrived: flow.NoTime, seats: map[seat]int{}, urgency: env.Urgency,
		relaxed: env.Relaxed,
	}
}

// newLoad begins with a batch. What it needs is added to ahead.
func (f *rowsInFlight[T]) newLoad(b *flow.Batch[T], ahead *keyed.Ahead) *rowLoad[T] {
	l := &rowLoad[T]{}
	if n := len(f.loads); n > 0 {
		l, f.loads = f.loads[n-1], f.loads[:n-1]
	}
	l.batch, l.ahead, l.bytes = b, ahead, f.weight.of(b, 0) // accumulators are small
	f.limit.Add(l.bytes)
	return l
}

// clear reports whether nothing is in flight that a row could have to wait for.
func (f *rowsInFlight[T]) clear() bool { return f.flight.InFlight() == 0 && len(f.events) == 0 }

// free reports whether a row of a key may be added now, as far as others are concerned.
func (f *rowsInFlight[T]) free(hash uint64) bool {
	return f.flight.Ready(f.relaxed) && (f.flight.InFlight() == 0 || !f.flight.Busy(async.Key(hash)))
}

// hold keeps a slot where it is until as many calls of release.
func (f *rowsInFlight[T]) hold(s seat) {
	if f.seats[s]++; f.seats[s] == 1 {
		s.in.Hold(s.slot)
	}
}

func (f *rowsInFlight[T]) release(s seat) {
	if f.seats[s]--; f.seats[s] == 0 {
		delete(f.seats, s)
		s.in.Release(s.slot)
	}
}

// wait puts a row in flight, whose slots are held. One that is behind waits for the last watermark, too.
func (f *rowsInFlight[T]) wait(r waitingRow[T], behind bool) {
	reads := r.coming() || slices.ContainsFunc(r.more, seat.coming)
	behind = behind && len(f.events) > 0
	pending := 0
	for _, b := range []bool{reads, behind} {
		if b {
			pending++
		}
	}
	id := f.flight.Admit(async.Key(r.load.batch.Hashes[r.row]), pending, f.relaxed)
	if reads {
		r.load.ids = append(r.load.ids, id)
	}
	if behind {
		last := &f.events[len(f.events)-1]
		last.behind = append(last.behind, id)
	}
	r.load.users++
	for int(id) >= len(f.rows) {
		f.rows = append(f.rows, waitingRow[T]{})
	}
	f.rows[id] = r
}

// landed forgets a row that has been added. It reports whether its batch is needed no longer.
func (f *rowsInFlight[T]) landed(id async.ID) (last bool) {
	r := f.rows[id]
	f.rows[id] = waitingRow[T]{}
	f.flight.Done(id)
	f.letGo(&r)
	r.load.users--
	return r.load.users == 0
}

// letGo releases the slots of a row.
func (f *rowsInFlight[T]) letGo(r *waitingRow[T]) {
	f.release(r.seat)
	for _, s := range r.more {
		f.release(s)
	}
}

// have says that what rows waited for is there.
func (f *rowsInFlight[T]) have(ids []async.ID) {
	for _, id := range ids {
		f.flight.Arrived(id)
	}
}

// hurries reports whether nothing may begin, because a barrier is urgent: no row is added, and no watermark performed.
// But rows that wait for a watermark to leave are not left with it.
func (f *rowsInFlight[T]) hurries() bool {
	return f.urgency.Is() && !slices.ContainsFunc(f.events, func(e windowEvent) bool { return len(e.behind) > 0 })
}

// mayBeLeft reports whether a barrier that is urgent need not wait for what is in flight: nothing has begun. What a
// watermark has fired by then is all that it fires, or rows for what it has fired could still come in time.
func (f *rowsInFlight[T]) mayBeLeft() bool {
	return f.clear() || f.hurries() && !f.performing && f.flight.Parked() == 0
}

// left are copies of the rows in flight, and the events between and behind them.
func (f *rowsInFlight[T]) left(env *Env, watermark int64) []channel.Line {
	if f.clear() {
		return nil
	}
	var events []milestone
	for _, e := range f.events {
		events = append(events, e.milestone)
	}
	l := newLeftovers[T](env, watermark)
	l.inFlight(f.flight, events, func(id async.ID) (*flow.Batch[T], int) { return f.rows[id].load.batch, f.rows[id].row })
	return l.lines()
}

// Waits reports whether anything is in flight.
func (f *rowsInFlight[T]) Waits() bool { return !f.clear() }

// Full says that nothing more is to come before Resume. A batch is taken as a whole when there is room at all.
func (f *rowsInFlight[T]) Full() bool { return f.full() }
