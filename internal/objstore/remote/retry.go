package remote

import (
	"context"
	"math/rand/v2"
	"time"
)

// Attempts is how often a request is sent at most. With the pauses below that is some ten seconds, long enough for a
// server to be restarted and short enough to learn that an address is wrong.
const Attempts = 10

const (
	shortestPause = 50 * time.Millisecond  // before the second attempt, on average half of it
	throttlePause = 500 * time.Millisecond // the same, when the store asks for fewer requests
	longestPause  = 5 * time.Second
)

// repeat sends a request until it succeeds, or fails for good. It also reports whether an attempt may have been
// carried out although it failed. No budget is shared by the requests: a job has nothing better to do than to wait
// for its store.
func (s *Store) repeat(ctx context.Context, send func() error) (unclear bool, err error) {
	for attempt := 1; ; attempt++ {
		if err = send(); err == nil {
			return unclear, nil
		}
		v := s.protocol.Judge(err)
		unclear = unclear || !v.Nothing
		if !v.Momentary || attempt == Attempts || rest(ctx, attempt, v.Busy) != nil {
			return unclear, err
		}
	}
}

// rest waits after an attempt (1, 2, …).
func rest(ctx context.Context, attempt int, busy bool) error {
	timer := time.NewTimer(pause(attempt, busy))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// pause is the time to wait after an attempt: random, up to a bound that doubles.
func pause(attempt int, busy bool) time.Duration {
	bound := shortestPause
	if busy {
		bound = throttlePause
	}
	bound = min(bound<<min(max(attempt-1, 0), 16), longestPause)
	return rand.N(bound) + time.Millisecond
}
