package operator

import (
	"context"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// waiting are the tables below, and for how long a task has waited for them in the batch at hand: for state to be
// read, or for changes to be written when there are too many. Reads that overlap count once. It is safe for
// concurrent use.
type waiting struct {
	keyed.Below
	mu     sync.Mutex
	reads  int       // that are under way
	begin  time.Time // of the first of them
	waited time.Duration

	endStall func() // nil if there is room; the task's
}

// Read implements keyed.Below.
func (w *waiting) Read(ctx context.Context, keys [][]byte, found func(i int, value []byte) error) error {
	defer w.wait()()
	return w.Below.Read(ctx, keys, found)
}

// Scan implements keyed.Below.
func (w *waiting) Scan(ctx context.Context, start, end []byte, visit func(key, value []byte) error) error {
	defer w.wait()()
	return w.Below.Scan(ctx, start, end, visit)
}

// wait begins a wait, which ends when what it returns is called.
func (w *waiting) wait() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reads++; w.reads == 1 {
		w.begin = time.Now()
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.reads--; w.reads == 0 {
			w.waited += time.Since(w.begin)
		}
	}
}

// stall counts the time in which no row is let in because there are as many in flight as may be.
func (w *waiting) stall(full bool) {
	if w.endStall != nil && !full {
		w.endStall()
		w.endStall = nil
	}
	if w.endStall == nil && full {
		w.endStall = w.wait()
	}
}

// tell counts the wait of a batch.
func (w *waiting) tell(s *Stats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.WaitTime.Add(int64(w.waited))
	s.WaitMax.Store(max(s.WaitMax.Load(), int64(w.waited)))
	w.waited = 0
}
