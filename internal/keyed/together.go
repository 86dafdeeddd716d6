package keyed

import (
	"context"
	"sync"
)

// together calls a function for each number below n, at most atOnce at a time, and waits for all. The context
// of the others ends with the first error, which it returns.
func together(ctx context.Context, n, atOnce int, do func(ctx context.Context, i int) error) error {
	if n == 1 {
		return do(ctx, 0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var group sync.WaitGroup
	var once sync.Once
	var first error
	for range min(n, atOnce) {
		group.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					once.Do(func() { first = err })
					cancel(err)
					return
				}
			}
		})
	}
	group.Wait()
	return first
}
