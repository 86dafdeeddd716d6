package nexmark

import "time"

// pacer lets events pass when their event time, counted from a start, has passed on the clock.
type pacer struct {
	part  *part
	clock func(ms int64) time.Duration
	start time.Time // when the event with id 0 was, or would have been, due
	ready chan struct{}
	timer *time.Timer // sends to ready; nil until there was something to wait for
}

// newPacer makes the part's next event due now, unless it is said when the first one is.
func newPacer(p *part, c Config) *pacer {
	q := &pacer{part: p, clock: c.byTheClock, start: c.Begin, ready: make(chan struct{}, 1)}
	if c.Begin.IsZero() {
		q.start = time.Now().Add(-q.offset(p.next))
	}
	return q
}

// offset is the time from the start to event number e.
func (q *pacer) offset(e uint64) time.Duration {
	return q.clock(q.part.elapsed(q.part.id(e)))
}

// due is how many of the part's next n events may pass. If there are none, ready receives when there is one.
func (q *pacer) due(n int) int {
	passed := time.Since(q.start)
	e := q.part.next
	for i := range n {
		if wait := q.offset(e) - passed; wait > 0 {
			if i == 0 {
				q.wakeIn(wait)
			}
			return i
		}
		e += q.part.step
	}
	return n
}

func (q *pacer) wakeIn(d time.Duration) {
	if q.timer != nil {
		q.timer.Reset(d)
		return
	}
	q.timer = time.AfterFunc(d, func() {
		select {
		case q.ready <- struct{}{}:
		default: // it was told already
		}
	})
}

func (q *pacer) stop() {
	if q.timer != nil {
		q.timer.Stop()
	}
}
