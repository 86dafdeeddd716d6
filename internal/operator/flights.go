package operator

import (
	"github.com/aquifer-stream/aquifer/internal/async"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// flights are what operators with rows in flight have in common: who may run, how many there may be, and the reads
// that they wait for. They belong to the task's turn.
type flights struct {
	flight   *async.Controller
	limit    *async.Limit
	arrivals *arrivals
}

func newFlights(env *Env) flights {
	return flights{
		flight: async.New(), limit: async.NewLimit(env.InFlight), arrivals: newArrivals(),
	}
}

// mostAsleep is how many rows may sleep in the user's function: each has a coroutine, which takes some ten
// kilobytes, and more of them than the tables make reads at once hide nothing more.
const mostAsleep = 2048

// full reports whether no more may begin.
func (f *flights) full() bool {
	return f.limit.Full(f.flight.InFlight()) || f.flight.Parked() >= mostAsleep
}

// adapt adapts the limit to what has been seen.
func (f *flights) adapt(env *Env) {
	f.limit.Observe(async.Seen{
		Ended: f.flight.Ended(), Reading: f.arrivals.under, Crowded: env.Crowded != nil && env.Crowded(),
		Sharers: env.Budget.Sharers(), MaxBytes: env.Budget.FlightShare(),
	})
}

// begins counts a grouped read that begins before its rows.
func begins(a *keyed.Ahead, s *Stats) {
	s.Aheads.Add(1)
	s.AheadKeys.Add(int64(a.Len()))
}

// Wake has a token when Resume may find something to do.
func (f *flights) Wake() <-chan struct{} { return f.arrivals.wake }

// tell counts what is in flight.
func (f *flights) tell(s *Stats) {
	s.InFlight.Store(int64(f.flight.InFlight()))
	s.InFlightBytes.Store(f.limit.Bytes())
	s.BusyKeys.Store(int64(f.flight.Keys()))
	s.Suspended.Store(int64(f.flight.Parked()))
}

// settle calls run whenever something is back or a barrier becomes urgent, until all that is left may be.
func (f *flights) settle(env *Env, below *waiting, run func() error, over func() bool) error {
	for {
		var urgent <-chan struct{}
		if !env.Urgency.Is() { // asked first: it may begin at any moment from here on
			urgent = env.Urgency.Begun()
		}
		if err := run(); err != nil {
			return err
		}
		if over() {
			return nil
		}
		end := below.wait()
		err := f.arrivals.waitOr(env.Context, urgent)
		if end(); err != nil {
			return err
		}
	}
}
