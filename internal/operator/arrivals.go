package operator

import (
	"context"
	"sync"
)

// arrivals are the reads of one operator that are under way on goroutines of their own, and those that have come back
// and wait for their turn. begin, take, waiting and close are called by the task.
type arrivals struct {
	wake  chan struct{} // holds a token when something has come back
	under int           // begun and not taken

	mu   sync.Mutex
	back []func() error
	all  sync.WaitGroup
}

func newArrivals() *arrivals { return &arrivals{wake: make(chan struct{}, 1)} }

// begin calls read on another goroutine, and lets take be called by the task when it has returned.
func (a *arrivals) begin(read func(), take func() error) {
	a.under++
	a.all.Go(func() {
		read()
		a.mu.Lock() // until the token is there: none comes for what has been taken
		defer a.mu.Unlock()
		a.back = append(a.back, take)
		select {
		case a.wake <- struct{}{}:
		default:
		}
	})
}

// take calls the takers of all reads that are back.
func (a *arrivals) take() error {
	if a.under == 0 {
		return nil
	}
	a.mu.Lock()
	back := a.back
	a.back = nil
	a.mu.Unlock()
	a.under -= len(back)
	for _, take := range back {
		if err := take(); err != nil {
			return err
		}
	}
	return nil
}

// wait waits until something is back.
func (a *arrivals) wait(ctx context.Context) error { return a.waitOr(ctx, nil) }

// waitOr waits until something is back, or something else happens.
func (a *arrivals) waitOr(ctx context.Context, other <-chan struct{}) error {
	select {
	case <-a.wake:
		return nil
	case <-other:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close waits for the reads that are under way. Their context must have ended: nobody waits for a store that is down.
// None begins any more.
func (a *arrivals) close() { a.all.Wait() }
