package aqtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
)

// errCrashed is what a life ends with that is crashed.
var errCrashed = errors.New("the job was crashed by its test")

// sink keeps rows as a store of the two phases would: prepared, and visible when committed. It outlives the job's lives.
type sink[T any] struct {
	mu       sync.Mutex
	next     int
	prepared map[int][]T
	order    []int // of the visible ones
	visible  map[int][]T

	die  func() // set when the life ends at its next barrier
	come int    // writers that this barrier has come to
}

func newSink[T any]() *sink[T] { return &sink[T]{prepared: map[int][]T{}, visible: map[int][]T{}} }

// crashAtBarrier lets a life end when the next barrier has come to all writers: everything before it has been processed,
// and nothing of it is in a checkpoint.
func (s *sink[T]) crashAtBarrier(die func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.die, s.come = die, 0
}

// rows are those that a reader sees, in the order in which they became visible.
func (s *sink[T]) rows() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []T
	for _, id := range s.order {
		all = append(all, s.visible[id]...)
	}
	return all
}

// Recover makes visible what a checkpoint holds, and forgets the rest.
func (s *sink[T]) Recover(ctx context.Context, committables [][]byte) error {
	err := s.Commit(ctx, committables)
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.prepared)
	s.die = nil
	return err
}

// Commit makes prepared rows visible, once.
func (s *sink[T]) Commit(_ context.Context, committables [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range committables {
		id, err := strconv.Atoi(string(b))
		if err != nil {
			return err
		}
		if _, done := s.visible[id]; done {
			continue
		}
		rows, ok := s.prepared[id]
		if !ok {
			return fmt.Errorf("nothing was prepared as %d", id)
		}
		s.visible[id], s.order = rows, append(s.order, id)
	}
	return nil
}

// Open returns a writer.
func (s *sink[T]) Open(_ context.Context, subtask flow.SinkSubtask) (flow.Writer[T], error) {
	return &writer[T]{sink: s, of: subtask.Parallelism}, nil
}

type writer[T any] struct {
	sink *sink[T]
	of   int
	rows []T
}

// Write keeps rows.
func (w *writer[T]) Write(_ context.Context, b *flow.Batch[T]) error {
	w.rows = append(w.rows, b.Rows...)
	return nil
}

// Prepare keeps the rows for a checkpoint, or ends the life when all writers are here.
func (w *writer[T]) Prepare(ctx context.Context, _ uint64) (flow.Prepared, error) {
	s := w.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.die != nil {
		if s.come++; s.come == w.of {
			s.die()
		}
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		return flow.Prepared{}, errCrashed
	}
	id := s.next
	s.next++
	s.prepared[id] = slices.Clip(w.rows)
	w.rows = nil
	return flow.Prepared{Committable: strconv.AppendInt(nil, int64(id), 10)}, nil
}

// Close implements flow.Writer.
func (w *writer[T]) Close(context.Context) error { return nil }
