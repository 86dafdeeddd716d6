package keyed

import "sync/atomic"

// Budget is an account of the bytes that the stores of a process take. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget with a limit in bytes; zero for none. Stores that come to the limit forget what the
// tables below have as well. They go beyond it by no more than what is not there yet.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used is the number of bytes taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// Limit is the limit in bytes; zero for none.
func (b *Budget) Limit() int64 {
	if b == nil {
		return 0
	}
	return b.limit
}

// Limited reports whether stores may have to forget something.
func (b *Budget) Limited() bool { return b != nil && b.limit > 0 }

// spent reports whether there is no room for more.
func (b *Budget) spent() bool { return b.Limited() && b.used.Load() >= b.limit }
