package scheduled

import "time"

const (
	// longestRest bounds a rest: what was urgent may be over before its end.
	longestRest = 250 * time.Millisecond
	// shortestRest is what a rest is put off for: a request may last some microseconds, a timer takes longer than that.
	shortestRest = 5 * time.Millisecond
)

// pace makes compactions rest for as long as they have kept the store busy, so that they take half of what it gives
// them. It is stepped by its owner.
type pace struct{ owed time.Duration }

// worked notes a request of a compaction.
func (p *pace) worked(took time.Duration, urgent bool) {
	if !urgent {
		p.owed = 0
		return
	}
	p.owed = min(p.owed+took, longestRest)
}

// rest is for how long the next request is to wait. Whoever asks does wait: of several, one.
func (p *pace) rest(urgent bool) time.Duration {
	owed := p.owed
	if urgent && owed < shortestRest {
		return 0
	}
	p.owed = 0
	if !urgent {
		return 0
	}
	return owed
}
