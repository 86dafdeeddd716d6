package flow

// MaxReads is how many reads of one record are under way at once. Of what is prefetched for a record, more is left to
// be read when it is used; what it asks for in its call is read in several goes.
const MaxReads = 1024

// Prefetch is a record that will be processed soon, seen by a function that says what state it will use. It is for the
// call that it was passed to: later it prefetches nothing.
type Prefetch struct {
	// Time is the event time of the record in milliseconds, or NoTime.
	Time int64

	key   any
	slot  uint32
	wants any
	named int
}

// NewPrefetch returns the Prefetch of a record of the key in the given slot, to which key points. It is for the engine.
func NewPrefetch(slot uint32, time int64, key, wants any) Prefetch {
	return Prefetch{Time: time, key: key, slot: slot, wants: wants}
}

func (p *Prefetch) itsKey() any { return p.key }

// Want returns the place of the key in the hot tables, and the engine's list of what is to be read, to which one thing
// may be added; a list of nil for none. It is for the engine.
func (p *Prefetch) Want() (slot uint32, wants any) {
	if p.named == MaxReads {
		return p.slot, nil
	}
	p.named++
	return p.slot, p.wants
}

// End makes the list unreachable. It is for the engine.
func (p *Prefetch) End() { p.wants = nil }
