package lsm

import (
	"context"
	"sync/atomic"
)

// tiers counts where the keys that Read looks for are found.
type tiers struct {
	keysRead  atomic.Int64
	fromStore atomic.Int64 // keys that led to requests
	requests  atomic.Int64 // these requests
}

// asked counts the requests that one goroutine makes of the object store, and their bytes. It travels in a context,
// because the requests are made below Pebble.
type asked struct {
	requests, bytes int64
	permission      permission
	readers         *readers // from which a permission on request takes slots
	slots           int64    // that have been taken
	held            int64    // bytes of requests for more than a block, which the iterator keeps
}

// manyBlocks is the size of a request from which on it is taken to be for more than was wanted.
const manyBlocks = 4 * blockSize

type askedKey struct{}

// by returns a context whose requests are counted.
func (a *asked) by(ctx context.Context) context.Context { return context.WithValue(ctx, askedKey{}, a) }

// askedBy returns what counts the requests under a context, nil if nothing does.
func askedBy(ctx context.Context) *asked {
	a, _ := ctx.Value(askedKey{}).(*asked)
	return a
}

// note counts a request for so many bytes; it is false if the request must not be made.
func (a *asked) note(bytes int) bool {
	if !a.permit() {
		return false
	}
	a.requests++
	a.bytes += int64(bytes)
	if bytes >= manyBlocks {
		a.held += int64(bytes)
	}
	return true
}

// asked counts a key with the requests made since the key before.
func (t *tiers) asked(a *asked) {
	if a.requests > 0 {
		t.fromStore.Add(1)
		t.requests.Add(a.requests)
		a.requests = 0
	}
}
