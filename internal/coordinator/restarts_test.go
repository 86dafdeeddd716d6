package coordinator

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// pauses are those before the restarts after some failures, -1 for the end.
func pauses(r *restarts, ran ...time.Duration) (all []time.Duration) {
	for _, d := range ran {
		pause, again := r.failed(d)
		if !again {
			pause = -1
		}
		all = append(all, pause)
	}
	return all
}

func TestTheStrategyOfRestarts(t *testing.T) {
	const ms, end, calm = time.Millisecond, time.Duration(-1), forgiveAfter + 1
	half := func() float64 { return 0.5 }
	type times = []time.Duration
	for name, c := range map[string]struct {
		strategy  restarts
		ran, want times
	}{
		"none":                        {restarts{}, times{0, calm}, times{end, end}},
		"a budget":                    {restarts{most: 2}, times{0, 0, 0}, times{100 * ms, 200 * ms, end}},
		"forgiven":                    {restarts{most: 1}, times{0, calm, 0}, times{100 * ms, 100 * ms, end}},
		"not yet forgiven":            {restarts{most: 1}, times{0, forgiveAfter}, times{100 * ms, end}},
		"a fixed delay":               {restarts{most: 2, delay: 7}, times{0, 0, 0}, times{7, 7, end}},
		"chance":                      {restarts{most: 2, jitter: half}, times{0, 0}, times{90 * ms, 180 * ms}},
		"a fixed delay has no chance": {restarts{most: 1, delay: 7, jitter: half}, times{0}, times{7}},
	} {
		t.Run(name, func(t *testing.T) {
			got := pauses(&c.strategy, c.ran...)
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("pauses %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestAPauseIsNeverLongerThanHalfAMinuteNorMuchShorterThanItShouldBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &restarts{most: 1 << 30, jitter: func() float64 { return rapid.Float64Range(0, 0.9999).Draw(t, "jitter") }}
		longest := firstBackoff
		for range rapid.IntRange(1, 60).Draw(t, "failures") {
			pause, again := r.failed(0)
			if !again || pause > longest || pause < longest*(jitterShare-1)/jitterShare {
				t.Fatalf("%v, %v, want at most %v", pause, again, longest)
			}
			longest = min(2*longest, maxBackoff)
		}
	})
}
