package operator

import "time"

// Stalling is an operator whose user code may come to stand still: it waits for something that another row has, such as a
// lock, and that row waits for state that has come, and for its turn. Only the operator's task could give it that, and
// it is what stands still.
type Stalling interface {
	// Stalled is for how long state that rows wait for has been there without user code having returned. It is zero if
	// none is, or no user code runs. It is safe for concurrent use.
	Stalled(now time.Time) time.Duration
}

// Stalled implements Stalling.
func (p *Process[K, In, Out]) Stalled(now time.Time) time.Duration {
	oldest := p.arrivals.oldest.Load()
	if oldest == 0 || !p.crew.busy.Load() {
		return 0
	}
	return now.Sub(time.Unix(0, oldest))
}
