package lsm

import (
	"context"
	"sync/atomic"
)

// readers bounds how many requests for reads a process has under way, and so the memory for them. Whoever waits
// gets its turn in the order of arrival.
type readers struct {
	slots   chan struct{} // one element a busy reader
	waiting atomic.Int64
}

func newReaders(n int) *readers { return &readers{slots: make(chan struct{}, n)} }

// tryTake takes a slot, if one is free.
func (r *readers) tryTake() bool {
	select {
	case r.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// take waits for a slot until the context ends, which is the error, or until needless is closed.
func (r *readers) take(ctx context.Context, needless <-chan struct{}) (taken bool, err error) {
	if r.tryTake() {
		return true, nil
	}
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	select {
	case r.slots <- struct{}{}:
		return true, nil
	case <-needless:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

func (r *readers) give() { <-r.slots }

// permission is what an iterator may ask of the object store.
type permission uint8

const (
	granted   permission = iota // it has a slot, or needs none
	onRequest                   // it takes a slot when it needs one, if one is free
	refused                     // it may read from the cache only
)

// permit says whether a request may be made now.
func (a *asked) permit() bool {
	if a.permission == onRequest {
		a.permission = refused
		if a.readers.tryTake() {
			a.permission = granted
		}
	}
	return a.permission == granted
}
