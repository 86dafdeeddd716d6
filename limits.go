package aquifer

import (
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/diskcache"
	"github.com/aquifer-stream/aquifer/internal/memory"
)

// Limits are bounds that can be changed while a job runs, through RunOptions.Limits. The zero value is ready to
// use. It is safe for concurrent use.
type Limits struct {
	memory memory.Limit

	mu    sync.Mutex
	cache *diskcache.Cache // of the run; nil for none
	after time.Duration    // and how barriers wait
	above int64
}

// SetMemory changes the bound on the memory of the process that RunOptions.Memory began with, in bytes. A job that
// began without one stays without. When there is less and state takes more than its share already, its tasks are
// stopped after a checkpoint and go on from there: there is a pause, and nothing is processed twice.
func (l *Limits) SetMemory(bytes int64) { l.memory.Set(max(1, bytes)) }

// SetCache changes the size of the disk cache, and what it leaves free of its disk, in bytes, as
// RunOptions.CacheSize and CacheKeepFree began with. What is too much is deleted soon. Without a run, or without a
// cache, nothing happens.
func (l *Limits) SetCache(size, keepFree int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cache.SetLimits(max(0, size), max(0, keepFree))
}

// SetUnaligned changes how long barriers wait, and behind how many bytes, as RunOptions.UnalignedAfter and
// UnalignedAbove began with, from the next checkpoint on.
func (l *Limits) SetUnaligned(after time.Duration, above int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after, l.above = after, max(0, above)
}

// unaligned is what says how barriers wait in a run with the options.
func (l *Limits) unaligned(o RunOptions) func() (time.Duration, int64) {
	if l == nil {
		l = &Limits{}
	}
	l.SetUnaligned(o.UnalignedAfter, o.UnalignedAbove)
	return func() (time.Duration, int64) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.after, l.above
	}
}

// begin returns the bound on memory for a run with the options.
func (l *Limits) begin(o RunOptions) *memory.Limit {
	if l == nil {
		return memory.NewLimit(o.Memory)
	}
	l.memory.Set(o.Memory)
	return &l.memory
}

// setCache takes the disk cache of a run; nil when the run has ended.
func (l *Limits) setCache(c *diskcache.Cache) {
	if l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cache = c
	}
}
