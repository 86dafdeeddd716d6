package operator

import (
	"fmt"
	"math"
	"time"
)

// Retry says how a call that has failed is made again.
type Retry struct {
	// Attempts is how often a call is made at most, the first time included. 0, like 1, is for once.
	Attempts int
	// Backoff is the wait before the second attempt. It doubles for each one that follows, up to MaxBackoff; 0 is for no
	// such bound. Up to a half of each wait is left out at random: calls that failed together do not come back together.
	Backoff, MaxBackoff time.Duration
	// If says which errors are worth another attempt; nil is for all. It is called by many goroutines at once.
	If func(err error) bool
}

func (r *Retry) validate() error {
	if r.Attempts < 0 || r.Backoff < 0 || r.MaxBackoff < 0 {
		return fmt.Errorf("%d attempts with waits from %v to %v are asked for: none of them may be negative",
			r.Attempts, r.Backoff, r.MaxBackoff)
	}
	if r.MaxBackoff > 0 && r.MaxBackoff < r.Backoff {
		return fmt.Errorf("the longest wait between attempts, %v, is shorter than the first one, %v", r.MaxBackoff, r.Backoff)
	}
	return nil
}

// worth says whether there is another attempt after so many that have failed.
func (r *Retry) worth(failed int, err error) bool {
	return failed < r.Attempts && (r.If == nil || r.If(err))
}

// wait is how long to wait after so many attempts. The luck, from 0 to 1, decides how much of it is left out.
func (r *Retry) wait(failed int, luck float64) time.Duration {
	d := r.Backoff
	for i := 1; i < failed && d < math.MaxInt64/2 && (r.MaxBackoff == 0 || d < r.MaxBackoff); i++ {
		d *= 2
	}
	if r.MaxBackoff > 0 {
		d = min(d, r.MaxBackoff)
	}
	return d - time.Duration(luck*float64(d/2))
}
