package operator

import (
	"sync"
	"time"
)

// earlyPace decides when changes are written before the barrier comes, so that a checkpoint does not take
// longer for a longer interval: as late as they can be written in time. A value that changes often is then
// written twice or three times in an interval and not every second.
type earlyPace struct {
	expected func() time.Time // when the next barrier is due; zero for never

	// barrier and passed are the last two times that were expected. When a barrier is sent the one after it is expected
	// at once, but it has not come yet.
	barrier, passed time.Time

	mu     sync.Mutex
	taken  time.Time     // when the last snapshot was
	perMiB time.Duration // how long the last one took to be written
}

const (
	// earlyBytes are so few changes that a checkpoint hardly takes longer for them.
	earlyBytes = 1 << 20
	// lateChanges are those that the barrier finds: of so much time.
	lateChanges = time.Second
	// firstPerMiB is the guess before anything has been written.
	firstPerMiB = 10 * time.Millisecond
	// imminent is so near to a barrier that what it finds is better written once: each table has to become durable. A
	// barrier that was due such a time ago may be on its way.
	imminent = 100 * time.Millisecond
)

// due says whether to begin to write what has changed. Meanwhile more changes, and so on: what is left becomes
// less each time by the part of the time that writing takes. Three tenths are for the estimate being wrong.
func (p *earlyPace) due(now time.Time, dirty int64) bool {
	if dirty < earlyBytes {
		return false
	}
	barrier := p.expected()
	if !barrier.Equal(p.barrier) {
		p.barrier, p.passed = barrier, p.barrier
	}
	if barrier.IsZero() || barrier.Sub(now).Abs() < imminent || p.passed.Sub(now).Abs() < imminent {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	age := now.Sub(p.taken)
	if age < lateChanges {
		return false
	}
	takes := time.Duration(dirty>>20) * p.perMiB
	left := max(float64(age-takes)/float64(age), 0.2)
	return barrier.Sub(now) <= time.Duration(1.3*float64(takes)/left)+lateChanges
}

func newEarlyPace(expected func() time.Time) *earlyPace {
	return &earlyPace{expected: expected, taken: time.Now(), perMiB: firstPerMiB}
}

// took notes that a snapshot has been taken.
func (p *earlyPace) took(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = now
}

// wrote notes how long it took to write a snapshot of some size.
func (p *earlyPace) wrote(dirty int64, took time.Duration) {
	if dirty < earlyBytes {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.perMiB = took / time.Duration(dirty>>20)
}
