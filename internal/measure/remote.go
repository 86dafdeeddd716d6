package measure

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Remote is a store whose reads take a while, and are counted.
type Remote struct {
	objstore.Store
	Far *Far
}

// Near implements objstore.Store.
func (r Remote) Near() bool { return false }

// Far says how long reads take, and how many there have been for each purpose. It is safe for concurrent use.
type Far struct {
	delay atomic.Int64
	reads [objstore.Purposes]atomic.Int64
}

// Delay lets all reads from now on take so long. Reads at the same time wait at the same time.
func (f *Far) Delay(d time.Duration) { f.delay.Store(int64(d)) }

// Reads are how many reads there have been, by purpose.
type Reads [objstore.Purposes]int64

// Count returns the reads so far.
func (f *Far) Count() (r Reads) {
	for p := range r {
		r[p] = f.reads[p].Load()
	}
	return r
}

// All is the number of reads for whatever purpose.
func (r Reads) All() (n int64) {
	for _, of := range r {
		n += of
	}
	return n
}

// ReadAt implements objstore.Store.
func (r Remote) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	r.Far.reads[objstore.PurposeOf(ctx)].Add(1)
	if d := time.Duration(r.Far.delay.Load()); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return r.Store.ReadAt(ctx, name, p, off)
}
