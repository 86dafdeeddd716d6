package lsm

import "sync/atomic"

// cold remembers how many keys were in the cache lately: where few are, to ask it for each of them first costs more
// than it gives.
type cold struct {
	misses atomic.Int32 // of everything keys
	passed atomic.Uint32
}

const (
	everything = 1 << 10
	// manyKeys at once say how it is, fewer weigh as a part of so many.
	manyKeys = 64
	// askEvery read asks the cache even so, to see a change.
	askEvery = 16
)

// pass reports whether to pass the cache by.
func (c *cold) pass() bool {
	return c.misses.Load() > everything/2 && c.passed.Add(1)%askEvery != 0
}

// saw notes what the cache was asked for. Of two notes at once one may be lost.
func (c *cold) saw(missing, of int) {
	weight := int32(min(of, manyKeys))
	if of > 0 {
		now := int32(missing * everything / of)
		old := c.misses.Load()
		c.misses.Store(old + (now-old)*weight/manyKeys)
	}
}
