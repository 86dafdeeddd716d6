package state

import "time"

// Variants of the job.
const (
	// InMemory has no bound on memory; NoCache has one, and no disk cache; DiskCache has both.
	InMemory  = "in memory"
	NoCache   = "no cache"
	DiskCache = "disk cache"
	// Compacting takes checkpoints so often that there is always something to compact, HeldBack does the same without
	// compactions.
	Compacting = "compacting"
	HeldBack   = "held back"
)

const (
	usualInterval = 10 * time.Second
	// shortInterval is that of checkpoints which bring tables to compact.
	shortInterval = time.Second
	// more is how many times as many records are measured in memory, where they are soon counted.
	more = 10
)

// cell is what is measured in a row.
type cell struct {
	variant, distribution string // of Pebble, the variant is empty
	ratio                 float64
	memory, disk          int64 // bytes; 0 for no bound, and for no cache
}

// records is how many are measured.
func (c cell) records(o Options) int64 {
	if c.variant == InMemory {
		return more * o.Records
	}
	return o.Records
}

// warm is the number of records before those. Some keys come twice until the memory is full: at a ratio of 4,
// 1.15 times as many uniformly drawn ones as fit are enough.
func (c cell) warm(o Options) int64 {
	if c.variant == InMemory {
		return o.Keys
	}
	return max(1, int64(1.5*float64(o.Keys)/c.ratio))
}

// draw returns what draws the records. A job that keeps all in memory begins without state, and gets each key once.
func (c cell) draw(o Options) func() int64 {
	drawn := draw(c.distribution, o.Keys)
	if c.variant != InMemory {
		return drawn
	}
	once, left := each(), o.Keys
	return func() int64 {
		if left == 0 {
			return drawn()
		}
		left--
		return once()
	}
}

// interval is the time between checkpoints.
func (c cell) interval() time.Duration {
	if c.variant == Compacting || c.variant == HeldBack {
		return shortInterval
	}
	return usualInterval
}
