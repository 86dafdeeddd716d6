package lsm

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// near bounds the readers of an object store that is on the machine itself. Reads of it wait for little else than a
// processor: a few at a time are as fast as all, and end in the order in which they came. All at a time would end late,
// the first one too. For any other store it is nil, and bounds nothing.
type near struct{ places *semaphore.Weighted }

// perProcessor is how many readers keep a processor busy: a solid-state disk answers in the time that it takes to use
// what it has answered.
const perProcessor = 4

func newNear() *near {
	return &near{semaphore.NewWeighted(int64(perProcessor * runtime.GOMAXPROCS(0)))}
}

// tryEnter takes a place for a reader, if there is one.
func (n *near) tryEnter() bool { return n == nil || n.places.TryAcquire(1) }

// enter waits for a place for a reader until the context ends, which is the error.
func (n *near) enter(ctx context.Context) error {
	if n != nil && n.places.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// leave gives back the place of a reader.
func (n *near) leave() {
	if n != nil {
		n.places.Release(1)
	}
}
