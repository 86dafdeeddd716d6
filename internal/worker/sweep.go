package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// sweep looks for what has expired in a shard, again and again, and gives its task what it has found: it decides.
// Of the sweeps of a worker one reads at a time.
type sweep struct {
	shard  *shard
	ranges []lsm.Range
	every  time.Duration
	turn   chan struct{} // holds one element, for the one that reads
	found  chan [][]byte
}

// firstSweep is how long after its beginning an attempt looks at the latest: it might not live for longer.
const firstSweep = time.Hour

func (a *Attempt) newSweep(s *shard, ranges []lsm.Range, ttl time.Duration) *sweep {
	w := &sweep{
		shard: s, ranges: ranges, every: operator.SweepEvery(ttl), turn: a.turn, found: make(chan [][]byte, 1),
	}
	a.sweeps = append(a.sweeps, w)
	return w
}

// rangesOf are the table keys of some states of an operator.
func rangesOf(uid string, groups base.KeyGroupRange, states []uint32) (ranges []lsm.Range) {
	for g := groups.Start; g < groups.End; g++ {
		for _, id := range states {
			start, end := keyed.RangeOf(operator.OperatorHash(uid), g, id)
			ranges = append(ranges, lsm.Range{Start: start, End: end})
		}
	}
	return ranges
}

// run sweeps until the context ends.
func (w *sweep) run(ctx context.Context) error {
	timer := time.NewTimer(min(w.every, firstSweep))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		if err := w.once(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("operator %q: look for what has expired: %w", w.shard.uid, err)
		}
		timer.Reset(w.every)
	}
}

// once sweeps. A task that has much to do holds up its own sweep only.
func (w *sweep) once(ctx context.Context) error {
	s := w.shard.Sweep(time.Now().UnixMilli(), w.ranges...)
	for {
		var keys [][]byte
		err := alone(ctx, w.turn, func() (err error) { keys, err = s.Next(ctx); return err })
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			return alone(ctx, w.turn, func() error { return s.Finish(ctx) })
		}
		select {
		case w.found <- keys:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// alone calls f when no other sweep or purge reads.
func alone(ctx context.Context, turn chan struct{}, f func() error) error {
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-turn }()
	return f()
}
