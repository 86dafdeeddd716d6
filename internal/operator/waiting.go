package operator

import (
	"context"
	"time"

	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// waiting are the tables below, and for how long a task has waited for them in the batch at hand: for state to be
// read, or for changes to be written when there are too many. It belongs to the task's goroutine.
type waiting struct {
	keyed.Below
	waited time.Duration
}

// Read implements keyed.Below.
func (w *waiting) Read(ctx context.Context, keys [][]byte, found func(i int, value []byte) error) error {
	defer w.since(time.Now())
	return w.Below.Read(ctx, keys, found)
}

// Scan implements keyed.Below.
func (w *waiting) Scan(ctx context.Context, start, end []byte, visit func(key, value []byte) error) error {
	defer w.since(time.Now())
	return w.Below.Scan(ctx, start, end, visit)
}

func (w *waiting) since(begin time.Time) { w.waited += time.Since(begin) }

// tell counts the wait of a batch.
func (w *waiting) tell(s *Stats) {
	s.WaitTime.Add(int64(w.waited))
	s.WaitMax.Store(max(s.WaitMax.Load(), int64(w.waited)))
	w.waited = 0
}
