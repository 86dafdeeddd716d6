package aqtest

import (
	"context"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// script is a source of steps, in one split.
type script[T any] struct {
	steps []Step[T]
	gate  *gate
}

// splitID is the split's.
const splitID = "script"

// Discover returns the split, if it is not known.
func (s script[T]) Discover(_ context.Context, known flow.Known) (found flow.Discovery, err error) {
	if !known.Has(splitID) {
		found.Splits = []flow.Split{{ID: splitID, Bounded: true}}
	}
	return found, nil
}

// Open goes on at a position: the number of the next step, and the watermark.
func (s script[T]) Open(_ context.Context, split flow.Split) (flow.Reader[moved[T]], error) {
	r := &reader[T]{steps: s.steps, gate: s.gate, watermark: flow.NoTime, settling: true}
	if split.Position == nil {
		return r, nil
	}
	_, err := fmt.Sscan(string(split.Position), &r.next, &r.watermark)
	if err == nil && r.next > len(r.steps) {
		err = fmt.Errorf("there are %d steps, of which %d have been given: each life of a job must have the same",
			len(r.steps), r.next)
	}
	return r, err
}

// reader gives one step after the other.
type reader[T any] struct {
	steps     []Step[T]
	gate      *gate
	next      int
	watermark int64
	ready     <-chan struct{}
	until     time.Time // of the pause that is next
	settling  bool      // a watermark is on its way, or other subtasks are beginning
}

// settle is for how long nothing follows a watermark, or the begin of a life. In a bubble it is over when nothing else
// has anything to do.
const settle = time.Millisecond

// Read gives the next step, if it may.
func (r *reader[T]) Read(_ context.Context, out *flow.Batch[moved[T]]) (flow.Status, error) {
	if r.settling && r.paused(settle) {
		return flow.Wait, nil
	}
	r.settling = false
	if r.next == len(r.steps) {
		if r.ready = r.gate.end(); r.ready != nil {
			return flow.Wait, nil
		}
		return flow.End, nil
	}
	step := r.steps[r.next]
	switch {
	case step.pause > 0:
		if r.paused(step.pause) {
			return flow.Wait, nil
		}
	case step.row != nil:
		if r.ready = r.gate.row(); r.ready != nil {
			return flow.Wait, nil
		}
		out.Append(moved[T]{step.row, step.time, r.watermark}, flow.NoTime)
	default:
		r.watermark = max(r.watermark, step.time)
		out.Append(moved[T]{watermark: r.watermark}, flow.NoTime)
		r.settling = true
	}
	r.next++
	return flow.More, nil
}

// paused says whether a pause is not over, which begins with the first call.
func (r *reader[T]) paused(d time.Duration) bool {
	if r.until.IsZero() {
		over := make(chan struct{})
		r.until, r.ready = time.Now().Add(d), over
		time.AfterFunc(d, func() { close(over) })
	}
	if time.Now().Before(r.until) {
		return true
	}
	r.until = time.Time{}
	return false
}

// Ready returns a channel that is closed when what Read waits for is there.
func (r *reader[T]) Ready() <-chan struct{} { return r.ready }

// Position is what Open takes.
func (r *reader[T]) Position() []byte { return fmt.Append(nil, r.next, " ", r.watermark) }

// Close implements flow.Reader.
func (r *reader[T]) Close() error { return nil }
