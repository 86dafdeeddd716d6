package keyed

// Counts is what a store has done so far. They are plain numbers of the store's goroutine, added to once a batch or
// once a read.
type Counts struct {
	// Lookups is the number of keys looked up, Missed of those whose state was looked for below, Absent of those that
	// were new and known not to be there.
	Lookups, Missed, Absent int64
	// Reads is the number of table keys read from below, which is one for each state of a key that was missed and one
	// for each entry of a map; Scans the number of ranges.
	Reads, Scans int64
	// Evicted is the number of keys, entries and accumulators that were forgotten for want of memory.
	Evicted int64
	// Expired is the number of values, map entries, parts of lists and accumulators that were removed because their
	// time was over.
	Expired int64
}

// Counts returns what the store has done so far.
func (s *Store[K]) Counts() Counts { return s.counts }

// lookedUp counts a batch of keys: how many were new, and of how many the state is looked for.
func (s *Store[K]) lookedUp(keys, fresh, missing int) {
	s.counts.Lookups += int64(keys)
	s.counts.Missed += int64(missing)
	s.counts.Absent += int64(fresh - missing)
}
