package bubble_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// Without the care of Test this ends the process in most runs with the race detector.
func TestTimersThatAreDueAreLookedAtByManyAtATime(t *testing.T) {
	const timers = 1000
	for range 30 {
		bubble.Test(t, func(t *testing.T) {
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					if n := due(timers); n != timers {
						t.Errorf("%d of %d timers were due", n, timers)
					}
				})
			}
			group.Wait()
		})
	}
}

// due lets timers become due while nobody waits for them, and returns how many were.
func due(timers int) (n int) {
	var all []*time.Timer
	for range timers {
		all = append(all, time.NewTimer(time.Millisecond))
	}
	<-time.After(2 * time.Millisecond)
	for _, timer := range all {
		select {
		case <-timer.C:
			n++
		default:
		}
	}
	return n
}

func TestProcessorsAreAsManyAfterABubbleAsBefore(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	bubble.Test(t, func(*testing.T) {})
	if after := runtime.GOMAXPROCS(0); after != before {
		t.Errorf("%d processors before, %d after", before, after)
	}
}
