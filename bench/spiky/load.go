package spiky

import (
	"sync"
	"time"
)

const (
	// high and low are the load, as parts of the capacity.
	high, low = 2, 0.1
)

// phase is a part of a run.
type phase int

const (
	loading   phase = iota // each key comes once
	measuring              // as much as can be taken
	swinging               // the load goes up and down
	over
)

// load says how many rows may come when. It is safe for concurrent use.
type load struct {
	options Options

	mu       sync.Mutex
	left     int64         // keys that have not come out once
	loaded   chan struct{} // closed when there are none
	begin    time.Time     // of measuring
	passed   int64         // rows that have come out since
	before   int64         // of these, before the capacity was measured
	capacity float64       // rows per second
	from     time.Time     // when passed was before
}

func newLoad(o Options) *load {
	return &load{options: o, left: o.splitKeys() * int64(o.Subtasks), loaded: make(chan struct{})}
}

// out counts rows that have come out: each key once, and then others. The capacity is measured in the second half of
// its time.
func (l *load) out(now time.Time, rows int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left > 0 {
		if l.left -= int64(rows); l.left == 0 {
			l.begin = now
			close(l.loaded)
		}
		return
	}
	l.passed += int64(rows)
	switch since := now.Sub(l.begin); {
	case since < l.options.Capacity/2:
		l.before, l.from = l.passed, now
	case since >= l.options.Capacity && l.capacity == 0:
		if l.from.IsZero() {
			l.from = l.begin
		}
		l.capacity = float64(l.passed-l.before) / now.Sub(l.from).Seconds()
	}
}

// at says what a time is: the phase, which half of a wave, from 0, and how much of it has passed. Swinging begins when
// the capacity is known.
func (l *load) at(now time.Time) (p phase, half int, passed time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := now.Sub(l.begin) - l.options.Capacity
	switch {
	case l.left > 0:
		return loading, 0, 0
	case since < 0 || l.capacity == 0:
		return measuring, 0, 0
	case since >= time.Duration(2*l.options.Waves)*l.options.Half:
		return over, 0, 0
	}
	return swinging, int(since / l.options.Half), since % l.options.Half
}

// rate is how many rows per second each split may give in a half of a wave.
func (l *load) rate(half int) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	factor := float64(high)
	if half%2 == 1 {
		factor = low
	}
	return factor * l.capacity / float64(l.options.Subtasks)
}

// measured is the capacity, and how many rows have come out since all keys were there.
func (l *load) measured() (capacity float64, rows int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.capacity, l.passed
}
