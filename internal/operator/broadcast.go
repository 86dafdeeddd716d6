package operator

import (
	"github.com/aquifer-stream/aquifer/flow"
)

// BroadcastFunc is a user's function over a keyed stream and one that every subtask has whole; package aquifer documents
// it.
type BroadcastFunc[In, B, Out any] interface {
	ProcessFunc[In, Out]
	ProcessBroadcast(ctx *flow.BroadcastContext, in *B, out flow.Collector[Out]) error
}

// PlanBroadcast returns what can be known of the state of a function before it runs.
func PlanBroadcast[K comparable, In, B, Out any](name string, newFunc func() BroadcastFunc[In, B, Out]) *Planned {
	return PlanProcess[K](name, func() ProcessFunc[In, Out] { return newFunc() })
}

// ProcessBroadcast is a Process whose right side are the rows that every subtask gets. These come when all rows before
// them are done, as watermarks do.
type ProcessBroadcast[K comparable, In, B, Out any] struct {
	*Process[K, In, Out]
	told announcing[B, Out]
}

// NewProcessBroadcast returns the operator that applies fn.
func NewProcessBroadcast[K comparable, In, B, Out any](
	env *Env, next Receiver[Out], key func(*In) K, fn BroadcastFunc[In, B, Out],
) (*ProcessBroadcast[K, In, B, Out], error) {
	p, err := NewProcess[K, In, Out](env, next, key, fn)
	if err != nil {
		return nil, err
	}
	p.heeds = true
	return &ProcessBroadcast[K, In, B, Out]{p, newAnnouncing[B, Out](env, fn)}, nil
}

// Snapshot is that of the Process, with broadcast state.
func (p *ProcessBroadcast[K, In, B, Out]) Snapshot(checkpoint uint64) (Snapshot, error) {
	s, err := p.Process.Snapshot(checkpoint)
	s.Broadcasts = p.state.broadcasts()
	return s, err
}

// Side implements TwoSided.
func (p *ProcessBroadcast[K, In, B, Out]) Side(s Side) any {
	if s == Left {
		return p.Process
	}
	return broadcastOf[K, In, B, Out]{p}
}

// broadcastOf is the Receiver of the rows that every subtask gets.
type broadcastOf[K comparable, In, B, Out any] struct {
	*ProcessBroadcast[K, In, B, Out]
}

func (s broadcastOf[K, In, B, Out]) Batch(b *flow.Batch[B]) error {
	return s.happens(milestone{rows: func() error { return s.take(b) }})
}

// take calls the function for each row.
func (p *ProcessBroadcast[K, In, B, Out]) take(b *flow.Batch[B]) error {
	p.rowsIn += len(b.Rows)
	return p.told.take(b, p.last, p.rows)
}
