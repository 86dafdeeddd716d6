package diskcache

import (
	"context"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// flight is one request to a store for a run of chunks, for all who miss one of them meanwhile.
type flight struct {
	from        origin
	name        string
	store       objstore.Store
	purpose     objstore.Purpose
	first, last uint32 // chunks
	waiters     int    // guarded by the cache's lock
	cancel      context.CancelFunc

	done chan struct{} // closed when what follows is set
	data []byte
	err  error
}

// begin is where the flight's data begins in the object.
func (f *flight) begin() int64 { return int64(f.first) * chunkBytes }

// depart makes the request, on its own: it ends early only if all who wait have left. The caller holds the lock.
func (c *Cache) depart(ctx context.Context, f *flight) {
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.flying.Go(func() { c.fly(ctx, f) })
}

func (c *Cache) fly(ctx context.Context, f *flight) {
	defer f.cancel()
	end := min(int64(f.last+1)*chunkBytes, f.from.size)
	data := make([]byte, end-f.begin())
	f.err = f.store.ReadAt(ctx, f.name, data, f.begin())
	if f.err != nil {
		for n := f.first; n <= f.last; n++ {
			c.land(f, n) // first, so that who tries again is not told of this error
		}
		close(f.done)
		return
	}
	f.data = data
	defer close(f.done) // what can be kept is on its way when the readers go on
	for n := f.first; n <= f.last; n++ {
		at := int64(n-f.first) * chunkBytes
		chunk := data[at:min(at+chunkBytes, int64(len(data)))]
		if !c.tasks.offer(func() { c.keep(f.from, n, chunk, true); c.land(f, n) }) {
			c.counts.unkept.Add(1)
			c.land(f, n)
		}
	}
}

// land lets nobody join the flight for a chunk any more: the chunk is on the disk, or will not be.
func (c *Cache) land(f *flight, chunk uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := (place{f.from.object, chunk}); c.flights[at] == f {
		delete(c.flights, at)
	}
}

// await copies what a flight brings into the bytes of the object from off on.
func (c *Cache) await(ctx context.Context, f *flight, p []byte, off int64) error {
	select {
	case <-f.done:
	case <-ctx.Done():
		c.leave(f)
		return context.Cause(ctx)
	}
	if f.err != nil {
		return f.err
	}
	if skip := off - f.begin(); skip >= 0 {
		copy(p, f.data[skip:])
	} else {
		copy(p[-skip:], f.data)
	}
	return nil
}

// leave gives up waiting. A flight that nobody waits for is ended, and nobody joins it.
func (c *Cache) leave(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiters--; f.waiters > 0 {
		return
	}
	f.cancel()
	for n := f.first; n <= f.last; n++ {
		if at := (place{f.from.object, n}); c.flights[at] == f {
			delete(c.flights, at)
		}
	}
}
