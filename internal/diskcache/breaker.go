package diskcache

import (
	"sync"
	"sync/atomic"
	"time"
)

// pause is how long a disk that has failed is left alone.
const pause = 15 * time.Second

// breaker remembers whether something works, so that a failing disk is tried rarely and told of once. It is safe
// for concurrent use.
type breaker struct {
	broken atomic.Bool // so that who asks takes no lock while all is well
	mu     sync.Mutex
	until  time.Time
}

// closed tells whether to try.
func (b *breaker) closed() bool {
	if !b.broken.Load() {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !time.Now().Before(b.until)
}

// failed notes a failure, and tells whether it is the first since it worked.
func (b *breaker) failed() (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = time.Now().Add(pause)
	return !b.broken.Swap(true)
}

// worked notes a success.
func (b *breaker) worked() {
	if b.broken.Load() {
		b.broken.Store(false)
	}
}
