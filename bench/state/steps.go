package state

import (
	"context"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
)

// steps is a source of keys that waits when it has given as many as it may: so what is measured begins and ends when
// the job is at rest. It has no end; the job is stopped. It is safe for concurrent use, by one reader.
type steps struct {
	next func() int64

	mu    sync.Mutex
	given int64
	limit int64
	more  chan struct{} // closed when the limit is raised
}

func newSteps(next func() int64, limit int64) *steps {
	return &steps{next: next, limit: limit, more: make(chan struct{})}
}

// raise lets more keys come, up to a limit in all.
func (s *steps) raise(limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	close(s.more)
	s.more = make(chan struct{})
}

// Discover implements flow.Source.
func (s *steps) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	if known.Has("keys") {
		return flow.Discovery{}, nil
	}
	return flow.Discovery{Splits: []flow.Split{{ID: "keys"}}}, nil
}

// Open implements flow.Source.
func (s *steps) Open(context.Context, flow.Split) (flow.Reader[int64], error) { return s, nil }

// Read implements flow.Reader.
func (s *steps) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given == s.limit {
		return flow.Wait, nil
	}
	for n := min(int64(cap(out.Rows)-len(out.Rows)), s.limit-s.given); n > 0; n-- {
		out.Append(s.next(), flow.NoTime)
		s.given++
	}
	return flow.More, nil
}

// Ready implements flow.Reader.
func (s *steps) Ready() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given == s.limit {
		return s.more
	}
	now := make(chan struct{})
	close(now)
	return now
}

// Position implements flow.Reader: the keys are drawn anew by each run.
func (s *steps) Position() []byte { return []byte("anywhere") }

// Close implements flow.Reader.
func (s *steps) Close() error { return nil }

// allowed is how many keys may come in all.
func (s *steps) allowed() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit
}
