package channel

import (
	"sync"
	"sync/atomic"
	"time"
)

// Urgency tells whoever waits for credit that a barrier is not to be kept waiting any longer. It is safe for
// concurrent use. The zero value is ready; with nil, it is never urgent.
type Urgency struct {
	is atomic.Bool

	mu    sync.Mutex
	begun chan struct{} // closed while it is
	timer *time.Timer
	at    time.Time
}

// By makes it urgent at a time, if that is earlier than what has been said before.
func (u *Urgency) By(at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.is.Load() || u.timer != nil && !at.Before(u.at) {
		return
	}
	u.stop()
	wait := time.Until(at)
	if wait <= 0 {
		u.begin()
		return
	}
	u.at = at
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.timer == timer { // it has not been taken back
			u.begin()
		}
	})
	u.timer = timer
}

// Is reports whether it is urgent now.
func (u *Urgency) Is() bool { return u != nil && u.is.Load() }

// Begun is closed when it is urgent. After Over there is another one.
func (u *Urgency) Begun() <-chan struct{} {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.channel()
}

// Over says that the barrier has been dealt with.
func (u *Urgency) Over() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stop()
	if u.is.CompareAndSwap(true, false) {
		u.begun = nil
	}
}

// begin makes it urgent. The mutex is held, as in the others below.
func (u *Urgency) begin() {
	u.is.Store(true)
	close(u.channel())
}

func (u *Urgency) channel() chan struct{} {
	if u.begun == nil {
		u.begun = make(chan struct{})
	}
	return u.begun
}

func (u *Urgency) stop() {
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
}
