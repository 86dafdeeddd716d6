package remote

import (
	"testing"
	"time"
)

func TestPausesGrowAndAreLongerForBusyStores(t *testing.T) {
	for busy, first := range map[bool]time.Duration{false: shortestPause, true: throttlePause} {
		for attempt := range 100 {
			bound, longest := min(first<<min(max(attempt-1, 0), 20), longestPause), time.Duration(0)
			for range 200 {
				longest = max(longest, pause(attempt, busy))
			}
			if longest <= bound/2 || longest > bound+time.Millisecond { // by chance once in 2^200 times
				t.Errorf("after attempt %d: %v, want up to %v", attempt, longest, bound)
			}
		}
	}
}
