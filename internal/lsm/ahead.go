package lsm

import (
	"cmp"
	"sync/atomic"
)

// Pebble reads 8 MiB ahead of each table that a compaction merges, or all of a smaller one. That cannot be changed, and
// nobody counts it. A compaction has one table of each sublevel of L0 open at a time: so where memory is short L0 is less
// deep, and where it is very short tables are small.
const (
	readAhead = 8 << 20
	// aheadShare is the part of memory, as 1/aheadShare, that all compactions together may read ahead.
	aheadShare = 5
	// leastTableSize is what a table may have however little memory there is. Each is a request, and 512 KiB to be read
	// for its index when it is met for the first time.
	leastTableSize = 512 << 10
)

// ahead is how deep L0 may be and how large tables are, so that compactions keep to their share of memory.
type ahead struct {
	sublevels int
	tableSize int64
}

// bounded is what goes by the bound on the memory of a process, which may change.
type bounded struct {
	compactions int
	ahead       atomic.Pointer[ahead] // nil for no bound
}

// aheadWithin is for a bound on memory in bytes and so many compactions at a time.
func aheadWithin(memory int64, compactions int) ahead {
	each := memory / aheadShare / int64(compactions)
	if n := each / readAhead; n >= leastDeep {
		return ahead{sublevels: int(min(n, deepest)), tableSize: MaxTableSize}
	}
	return ahead{sublevels: leastDeep, tableSize: max(leastTableSize, each/leastDeep)}
}

// Within makes readers and compactions keep to their parts of a bound on the memory of the process, in bytes. Those that
// have begun go on as they are.
func (r *Resources) Within(memory int64) {
	a := aheadWithin(memory, r.bounded.compactions+1) // one more is for whoever waits
	r.bounded.ahead.Store(&a)
	r.readers.within(memory)
}

// now is what the bound of now says; zero if there is none.
func (b *bounded) now() (a ahead) {
	if p := b.ahead.Load(); p != nil {
		a = *p
	}
	return a
}

// TableSize is the size in bytes at which tables should end that are to be ingested.
func (r *Resources) TableSize() int64 { return cmp.Or(r.bounded.now().tableSize, MaxTableSize) }

// deepest is how many sublevels L0 of a shard may have.
func (r *Resources) deepest() int { return cmp.Or(r.bounded.now().sublevels, deepest) }

// scaled is how far a shard is behind with so many sublevels, out of deepest.
func (r *Resources) scaled(sublevels int) int { return sublevels * deepest / r.deepest() }
