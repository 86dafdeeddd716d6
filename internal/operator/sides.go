package operator

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// SideOutput is an output of a function besides the main one. It has rows on their way out.
type SideOutput interface {
	Progress
	// id is what the function names the output by.
	id() any
	// len is how many rows there are, and send sends them on.
	len() int
	send() error
}

// sideOutput is that of rows T.
type sideOutput[T any] struct {
	Receiver[T]
	of   any
	pool Pool[T]
	rows *flow.Batch[T]
}

// NewSideOutput returns the output that functions name by id.
func NewSideOutput[T any](id any, next Receiver[T]) SideOutput {
	s := &sideOutput[T]{Receiver: next, of: id, pool: PoolOf[T]()}
	s.rows = s.pool.Get()
	return s
}

func (s *sideOutput[T]) id() any  { return s.of }
func (s *sideOutput[T]) len() int { return len(s.rows.Rows) }

// Append implements flow.AsideRows.
func (s *sideOutput[T]) Append(row T, time int64) { s.rows.Append(row, time) }

func (s *sideOutput[T]) send() error {
	full := s.rows
	s.rows = s.pool.Get()
	return s.Batch(full)
}

// sides are the side outputs of a function.
type sides []SideOutput

// Side implements flow.SidesOf.
func (all sides) Side(id any) any {
	for _, s := range all {
		if s.id() == id {
			return s
		}
	}
	return nil
}

// pending reports whether there are rows to be sent, much whether they fill a batch.
func (all sides) pending() bool { return all.have(1) }
func (all sides) much() bool    { return all.have(record.DefaultBatch) }

func (all sides) have(rows int) bool {
	for _, s := range all {
		if s.len() >= rows {
			return true
		}
	}
	return false
}

// send sends all rows on and counts them.
func (all sides) send(stats *Stats) error {
	for _, s := range all {
		n := s.len()
		if n == 0 {
			continue
		}
		stats.RowsOut.Add(int64(n))
		if err := s.send(); err != nil {
			return err
		}
	}
	return nil
}

// watermark and idle pass on what the main output passes on, before it does.
func (all sides) watermark(t int64) error {
	for _, s := range all {
		if err := s.Watermark(t); err != nil {
			return err
		}
	}
	return nil
}

func (all sides) idle(idle bool) error {
	for _, s := range all {
		if err := s.Idle(idle); err != nil {
			return err
		}
	}
	return nil
}
