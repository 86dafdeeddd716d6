package state

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// remote is a store whose reads take a while, and are counted.
type remote struct {
	objstore.Store
	far *far
}

// far says how long reads take, and how many there have been for each purpose.
type far struct {
	delay atomic.Int64 // nanoseconds
	reads [objstore.Purposes]atomic.Int64
}

// reads are how many there have been, by purpose.
type reads [objstore.Purposes]int64

func (f *far) count() (r reads) {
	for p := range r {
		r[p] = f.reads[p].Load()
	}
	return r
}

// ReadAt implements objstore.Store. Reads at the same time wait at the same time.
func (r remote) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	r.far.reads[objstore.PurposeOf(ctx)].Add(1)
	if d := time.Duration(r.far.delay.Load()); d > 0 {
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
