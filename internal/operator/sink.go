package operator

import (
	"fmt"

	"github.com/aquifer-stream/aquifer/flow"
)

// Sink ends a stream.
type Sink[T any] struct {
	env    *Env
	sink   flow.Sink[T]
	writer flow.Writer[T]
	pool   Pool[T]
	last   int64
}

// NewSink returns the operator that writes to sink.
func NewSink[T any](env *Env, sink flow.Sink[T]) *Sink[T] {
	return &Sink[T]{env: env, sink: sink, pool: PoolOf[T](), last: flow.NoTime}
}

// Open opens this subtask's writer with the states that fell to it.
func (s *Sink[T]) Open() error {
	subtask := flow.SinkSubtask{
		Subtask: s.env.Subtask, Parallelism: s.env.Parallelism, Incarnation: s.env.Incarnation,
	}
	if s.env.Restored != nil {
		subtask.States = s.env.Restored.SinkStates
	}
	w, err := s.sink.Open(s.env.Context, subtask)
	if err != nil {
		return fmt.Errorf("sink %q: %w", s.env.Name, err)
	}
	s.writer = w
	return nil
}

// Batch writes the rows.
func (s *Sink[T]) Batch(b *flow.Batch[T]) (err error) {
	defer s.env.rescue(&err, func() (any, int64) { return nil, flow.NoTime })
	s.env.Stats.RowsIn.Add(int64(len(b.Rows)))
	if err := s.writer.Write(s.env.Context, b); err != nil {
		return fmt.Errorf("sink %q: %w", s.env.Name, err)
	}
	s.pool.Put(b)
	return nil
}

// Watermark ends here.
func (s *Sink[T]) Watermark(t int64) error {
	s.last = t
	s.env.Stats.Watermark.Store(t)
	return nil
}

// Idle ends here.
func (s *Sink[T]) Idle(bool) error { return nil }

// Snapshot prepares what was written since the barrier before.
func (s *Sink[T]) Snapshot(checkpoint uint64) (Snapshot, error) {
	prepared, err := s.writer.Prepare(s.env.Context, checkpoint)
	if err != nil {
		return Snapshot{}, fmt.Errorf("sink %q: checkpoint %d: %w", s.env.Name, checkpoint, err)
	}
	return Snapshot{Watermark: s.last, Prepared: prepared}, nil
}

// Close closes the writer, which drops what was not prepared.
func (s *Sink[T]) Close() error {
	if s.writer == nil {
		return nil
	}
	if err := s.writer.Close(s.env.Context); err != nil {
		return fmt.Errorf("sink %q: close: %w", s.env.Name, err)
	}
	return nil
}
