package lsm

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// distant is a store whose reads take a while. It counts them, and how many were under way at most.
type distant struct {
	objstore.Store
	latency      atomic.Int64 // nanoseconds
	reads, bytes atomic.Int64
	flying, most atomic.Int64
	near         bool
	purposes     [objstore.Purposes]atomic.Int64
}

func (d *distant) Near() bool { return d.near }

func (d *distant) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	d.reads.Add(1)
	d.bytes.Add(int64(len(p)))
	d.purposes[objstore.PurposeOf(ctx)].Add(1)
	d.took(d.flying.Add(1))
	defer d.flying.Add(-1)
	timer := time.NewTimer(time.Duration(d.latency.Load()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return d.Store.ReadAt(ctx, name, p, off)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *distant) took(flying int64) {
	for most := d.most.Load(); flying > most && !d.most.CompareAndSwap(most, flying); {
		most = d.most.Load()
	}
}

// forget begins to count anew.
func (d *distant) forget() {
	d.reads.Store(0)
	d.bytes.Store(0)
	d.most.Store(0)
}
