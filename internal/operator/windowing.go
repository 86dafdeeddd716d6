package operator

import (
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/window"
)

// windowing is what the operators for windows have in common.
type windowing[K comparable, T, A, R any] struct {
	stateless[flow.Windowed[K, R]]
	rowsInFlight[T]
	steps    windowSteps[T]
	state    *stateOf[K]
	key      func(*T) K
	window   window.Window
	agg      flow.Aggregator[T, A, R]
	late     Receiver[T] // nil for dropping
	in       Pool[T]
	out      Pool[flow.Windowed[K, R]]
	sliceLen int64
	// ahead is, after a restore that brought subtasks together, the event time that each key group's windows
	// have fired up to; nil once the operator's own has come to the latest of them.
	ahead []int64
	fired *flow.Batch[flow.Windowed[K, R]] // results on their way out
}

func newWindowing[K comparable, T, A, R any](
	s *stateOf[K], next Receiver[flow.Windowed[K, R]], late Receiver[T],
	key func(*T) K, w window.Window, agg flow.Aggregator[T, A, R],
) windowing[K, T, A, R] {
	o := windowing[K, T, A, R]{
		stateless: newStateless(s.env, next), state: s, key: key, window: w, agg: agg, late: late,
		in: PoolOf[T](), out: PoolOf[flow.Windowed[K, R]](), rowsInFlight: newRowsInFlight[T](s.env),
	}
	o.fired = o.out.Get()
	if !w.IsSession() {
		o.sliceLen = w.Slice()
	}
	return o
}

// restore reads the state back, and the event time that windows have fired up to.
func (w *windowing[K, T, A, R]) restore() error {
	if err := w.state.restore(); err != nil {
		return err
	}
	if w.env.Restored != nil {
		w.last = w.env.Restored.Watermark()
		w.arrived = w.last
		w.ahead = eventTimes(w.env.Groups, w.env.Restored.Watermarks)
		w.catchUp()
	}
	return nil
}

// eventTimes spreads the event times of ranges over the key groups.
func eventTimes(groups base.KeyGroupRange, from []checkpoint.RangeWatermark) []int64 {
	by := make([]int64, groups.Len())
	for _, w := range from {
		for g := max(w.Range.Start, groups.Start); g < min(w.Range.End, groups.End); g++ {
			by[g-groups.Start] = w.Watermark
		}
	}
	return by
}

// eventTimes are those of the key groups, if they are not the operator's; nil if they are.
func (w *windowing[K, T, A, R]) eventTimes() (all []checkpoint.RangeWatermark) {
	for i, t := range w.ahead {
		g := w.env.Groups.Start + base.KeyGroup(i)
		all = append(all, checkpoint.RangeWatermark{
			Range: base.KeyGroupRange{Start: g, End: g + 1}, Watermark: max(t, w.last),
		})
	}
	return all
}

// catchUp forgets the event times of key groups when the operator's own has come to all of them.
func (w *windowing[K, T, A, R]) catchUp() {
	if w.ahead != nil && slices.Max(w.ahead) <= w.last {
		w.ahead = nil
	}
}

// timeOf is the event time of a key when the operator's is t: what its rows are late for, and has fired.
func (w *windowing[K, T, A, R]) timeOf(hash uint64, t int64) int64 {
	if w.ahead == nil {
		return t
	}
	return max(t, w.ahead[base.KeyGroupOf(hash, w.env.MaxParallelism)-w.env.Groups.Start])
}

func (w *windowing[K, T, A, R]) slotsFor(n int) []keyed.Slot {
	if cap(w.state.slots) < n {
		w.state.slots = make([]keyed.Slot, n)
	}
	return w.state.slots[:n]
}

// mergeInto takes an accumulator into another, which may be unused so far.
func (w *windowing[K, T, A, R]) mergeInto(into, from *A, unused bool) {
	if unused {
		*into = *from
		return
	}
	w.agg.Merge(into, from)
}

// result adds the row of a window.
func (w *windowing[K, T, A, R]) result(out *flow.Batch[flow.Windowed[K, R]], key *K, start, end int64, acc *A) {
	row := out.Next(end - 1)
	row.Key, row.Start, row.End, row.Value = *key, start, end, w.agg.Result(acc)
}

// dropLate counts rows that came too late, and sends them aside if they are wanted.
func (w *windowing[K, T, A, R]) dropLate(b *flow.Batch[T], from, to int) error {
	w.env.Stats.Late.Add(int64(to - from))
	if w.late == nil {
		return nil
	}
	out := w.in.Get()
	out.Rows = append(out.Rows, b.Rows[from:to]...)
	out.Times = append(out.Times, b.Times[from:to]...)
	return w.late.Batch(out)
}

// idle passes on, to the late rows too.
func (w *windowing[K, T, A, R]) idle(idle bool) error {
	if w.late != nil {
		if err := w.late.Idle(idle); err != nil {
			return err
		}
	}
	return w.next.Idle(idle)
}

// forward sends the watermark on, to the late rows too.
func (w *windowing[K, T, A, R]) forward(t int64) error {
	w.last = t
	w.catchUp()
	w.env.Stats.Watermark.Store(t)
	if w.late != nil {
		if err := w.late.Watermark(t); err != nil {
			return err
		}
	}
	return w.next.Watermark(t)
}

// Snapshot waits for what is in flight, or, when the barrier is urgent, for what has begun, and freezes the state.
func (w *windowing[K, T, A, R]) Snapshot(uint64) (Snapshot, error) {
	if err := w.flights.settle(w.env, w.state.below, w.run, w.mayBeLeft); err != nil {
		return Snapshot{}, err
	}
	return Snapshot{
		Watermark: w.last, Ahead: w.eventTimes(), InFlight: w.left(w.env, w.last), State: w.state.freeze(),
	}, nil
}

// Close waits for the reads under way and gives back the memory of the state.
func (w *windowing[K, T, A, R]) Close() error {
	w.state.cancel()
	w.arrivals.close()
	w.state.store.Close()
	return nil
}

// needTimes refuses rows without an event time, which belong to no window.
func (w *windowing[K, T, A, R]) needTimes(b *flow.Batch[T]) error {
	if slices.Contains(b.Times, flow.NoTime) {
		return base.Errorf(base.Config, "operator %q: a row has no event time, so it belongs to no window: "+
			"give the source an EventTime", w.env.Name)
	}
	return nil
}
