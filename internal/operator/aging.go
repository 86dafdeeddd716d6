package operator

import (
	"time"

	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// aging is when state with a time-to-live is looked at. The zero value is for an operator without.
type aging struct {
	every time.Duration // between parts of a sweep
	next  time.Time
	more  time.Time // when something was found that had expired: there may be more
}

const (
	shortestSweep = 5 * time.Second
	// longestRest is how long a task without rows goes without looking for what has expired.
	longestRest = time.Minute
)

// SweepEvery is how often all state with a time-to-live is looked at. What lives was written within that time, mostly:
// so what is read for it is at most about twice what was written.
func SweepEvery(ttl time.Duration) time.Duration { return max(ttl/2, shortestSweep) }

// beginAging is called when the states have been declared.
func (s *stateOf[K]) beginAging() {
	if ttl := s.store.TTL(); ttl > 0 {
		s.aging = aging{every: min(SweepEvery(ttl)/keyed.Rounds, longestRest), next: time.Now()}
		s.store.At(s.aging.next.UnixMilli())
	}
}

// age tells the store what time it is, and lets go some of what has expired. It comes between batches.
func (s *stateOf[K]) age() error {
	if s.aging.every == 0 {
		return nil
	}
	now := time.Now()
	s.store.At(now.UnixMilli())
	if !now.Before(s.aging.next) {
		s.store.Sweep()
		s.aging.next = now.Add(s.aging.every)
	}
	s.aging.more = time.Time{}
	select {
	case keys := <-s.env.Expired:
		s.aging.more = now
		return s.store.Expire(keys)
	default:
		return nil
	}
}

// tick is age while no batch comes.
func (s *stateOf[K]) tick() error {
	if s.aging.every == 0 {
		return nil
	}
	if err := s.writeEarly(); err != nil {
		return err
	}
	defer s.count()
	return s.age()
}

// due is when age is wanted next, if not before, or the other time if that is earlier; zero for never.
func (a *aging) due(other time.Time) time.Time {
	if a.every == 0 {
		return other
	}
	for _, t := range []time.Time{a.next, a.more} {
		if !t.IsZero() && (other.IsZero() || t.Before(other)) {
			other = t
		}
	}
	return other
}
