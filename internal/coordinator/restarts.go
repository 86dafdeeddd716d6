package coordinator

import "time"

const (
	// A restart that is followed by this much undisturbed time is forgotten.
	forgiveAfter = 5 * time.Minute
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 30 * time.Second
	// jitterShare is the share of a pause, as 1/jitterShare, by which chance makes it shorter at most: jobs that failed
	// together do not come back together.
	jitterShare = 5
)

// restarts decides whether a job that has failed is started again, and after what pause. It knows no time and no
// chance but what it is given.
type restarts struct {
	// most is how many restarts there may be in a row; zero for none.
	most int
	// delay is the pause before each; zero for one that doubles from firstBackoff to maxBackoff.
	delay time.Duration
	// jitter is where in [0,1) a pause that doubles is within the room for chance; nil for its longest.
	jitter func() float64

	failures int // in a row
}

// failed says what follows a failure after an attempt that ran for a while.
func (r *restarts) failed(ran time.Duration) (pause time.Duration, again bool) {
	if ran > forgiveAfter {
		r.failures = 0
	}
	r.failures++
	if r.failures > r.most {
		return 0, false
	}
	return r.pause(), true
}

func (r *restarts) pause() time.Duration {
	if r.delay > 0 {
		return r.delay
	}
	pause := min(firstBackoff<<min(r.failures-1, 20), maxBackoff)
	if r.jitter != nil {
		pause -= time.Duration(r.jitter() * float64(pause) / jitterShare)
	}
	return pause
}
