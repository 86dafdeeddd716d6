package async

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// remote is a store whose reads take a while, and are counted.
type remote struct {
	objstore.Store
	delay atomic.Int64 // nanoseconds
	reads atomic.Int64
}

// ReadAt implements objstore.Store. Reads at the same time wait at the same time.
func (r *remote) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	r.reads.Add(1)
	if d := time.Duration(r.delay.Load()); d > 0 {
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
