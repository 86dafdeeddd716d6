package keyed

import (
	"math"
	"sync/atomic"
)

// Budget is an account of the bytes that the stores of a process take. It is safe for concurrent use.
type Budget struct {
	limited bool
	limit   atomic.Int64
	used    atomic.Int64
	changed atomic.Int64 // of that, what the tables below do not have
	stores  atomic.Int64
}

// NewBudget returns a budget with a limit in bytes; zero for none. Stores that come to the limit forget what the
// tables below have as well. They go beyond it by no more than what is not there yet.
func NewBudget(limit int64) *Budget {
	b := &Budget{limited: limit > 0}
	b.SetLimit(limit)
	return b
}

// SetLimit changes the limit. Stores that are beyond it grow no more: what they forget is given to other keys, not to
// the process. Whether there is a limit does not change.
func (b *Budget) SetLimit(bytes int64) {
	if b.limited {
		b.limit.Store(max(1, bytes))
	}
}

// Used is the number of bytes taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// Limit is the limit in bytes; zero for none.
func (b *Budget) Limit() int64 {
	if b == nil {
		return 0
	}
	return b.limit.Load()
}

// Limited reports whether stores may have to forget something.
func (b *Budget) Limited() bool { return b != nil && b.limited }

// Sharers is the number of stores.
func (b *Budget) Sharers() int64 {
	if b == nil {
		return 0
	}
	return b.stores.Load()
}

// Spent reports whether there is no room for anything.
func (b *Budget) Spent() bool { return b.Limited() && b.used.Load() >= b.limit.Load() }

// pagesSpent reports whether there is no room for more pages. They stop an eighth before the limit: what values take
// beyond them comes and goes, and pages, which are never given back, would have all that it ever left.
func (b *Budget) pagesSpent() bool { return b.Limited() && b.used.Load() >= b.limit.Load()/8*7 }

// leastDirty are the bytes of changes that a store may have whatever the limit is.
const leastDirty = 64 << 10

// leastFlight are the bytes that may be in flight over a store whatever the limit is.
const leastFlight = 1 << 20

// FlightShare is how many bytes may be in flight over a store, rows with the state that they bring: it cannot be
// forgotten, and all together should not take more than a quarter of the limit. Zero is for no bound.
func (b *Budget) FlightShare() int64 {
	if !b.Limited() {
		return 0
	}
	return b.quarter(leastFlight)
}

// filterShare is how many bytes a store may have of filters of what it has evicted: all together a quarter of the limit.
func (b *Budget) filterShare() int64 {
	if !b.Limited() {
		return math.MaxInt64
	}
	return b.quarter(leastDirty)
}

// valueShare is how many bytes the values of a state may always take beyond their pages: those of all stores together an
// eighth of the limit, up to which pages do not grow.
func (b *Budget) valueShare() int64 { return b.quarter(0) / 2 }

// quarter is the part of a store in a quarter of the limit.
func (b *Budget) quarter(least int64) int64 { return max(least, b.Limit()/4/max(1, b.stores.Load())) }
