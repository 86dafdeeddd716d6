package lsm

import "sync"

// reads counts those that are under way, by the number of fences that had been set when they began.
type reads struct {
	mu     sync.Mutex
	fences uint64
	begun  map[uint64]int
}

// begin counts a read until the returned function is called.
func (r *reads) begin() (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun == nil {
		r.begun = map[uint64]int{}
	}
	at := r.fences
	r.begun[at]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.begun[at]--; r.begun[at] == 0 {
			delete(r.begun, at)
		}
	}
}

// fence returns a function that reports whether all reads have ended that had begun before.
func (r *reads) fence() (passed func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.fences
	r.fences++
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for begun := range r.begun {
			if begun <= at {
				return false
			}
		}
		return true
	}
}

// Fence returns a function that reports whether all reads of the shard have ended that had begun when Fence was called.
// As long as they have not, they may read objects that the last list names no longer.
func (s *Shard) Fence() (passed func() bool) { return s.reads.fence() }

// read is use for reads, which fences wait for.
func (s *Shard) read(f func() error) error {
	defer s.reads.begin()()
	return s.use(f)
}
