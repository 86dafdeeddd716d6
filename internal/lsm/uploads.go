package lsm

import (
	"fmt"
	"sync"
)

// atOnce is how many tables of a set are finished at a time while the next is being written: the store takes its time to
// make an object durable, and small tables are many.
const atOnce = 4

// uploads are the tables of a set that are becoming durable. One goroutine begins them, and waits for all.
type uploads struct {
	group sync.WaitGroup
	turns chan struct{}
	mu    sync.Mutex
	err   error // the first
}

func newUploads() uploads { return uploads{turns: make(chan struct{}, atOnce)} }

// finish makes an object durable, after a wait for a turn.
func (u *uploads) finish(o *object) {
	u.turns <- struct{}{}
	u.group.Go(func() {
		defer func() { <-u.turns }()
		if err := o.Finish(); err != nil {
			u.fail(fmt.Errorf("table %s: %w", o.name, err))
		}
	})
}

func (u *uploads) fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil {
		u.err = err
	}
}

// failed is the first failure of those that have ended.
func (u *uploads) failed() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// wait waits until all have ended, and returns the first failure.
func (u *uploads) wait() error {
	u.group.Wait()
	return u.failed()
}

// upload is an object that ends in the background. It implements objstorage.Writable for a table's writer.
type upload struct {
	*object
	uploads *uploads
}

// Finish begins to make the object durable. Whether that fails is for the uploads to say.
func (u upload) Finish() error {
	u.uploads.finish(u.object)
	return nil
}
