package diskcache

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// request is a read of an object that may be cached.
type request struct {
	store   objstore.Store
	object  key
	name    string
	size    int64
	purpose objstore.Purpose
}

// part of a read: one chunk on the disk, or a run of chunks that a flight brings.
type part struct {
	first, last uint32 // chunks
	flight      *flight

	id   uint32 // the slot, if there is no flight
	turn uint32
	now  *atomic.Uint32 // the slot's turn as it is now
	sums sums
}

// plan says where each chunk of a read comes from, and begins the requests that are needed. For a compaction it
// begins none: then all chunks are on the disk, or it fails. It also fails when the cache is closed.
func (c *Cache) plan(
	ctx context.Context, parts []part, r *request, first, last uint32, disk bool,
) (_ []part, ok bool) {
	disk = disk && c.reading.closed()
	now := second()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return nil, false
	}
	var own *flight // the newest of this plan
	for n := first; n <= last; n++ {
		if id, found := c.index.find(r.object, r.size, n); found && disk {
			s := c.index.slot(id)
			parts = append(parts, part{first: n, last: n, id: id, turn: s.turn.Load(), now: &s.turn, sums: s.sums})
			if r.purpose != objstore.Compaction {
				c.index.use(id, now)
			}
			continue
		}
		if r.purpose == objstore.Compaction {
			return nil, false
		}
		parts, own = c.board(parts, own, r, n)
	}
	for _, q := range parts {
		if q.flight != nil && q.flight.cancel == nil {
			c.depart(ctx, q.flight)
		}
	}
	return parts, true
}

// board finds or makes the flight of a missing chunk. A flight that is less urgent than the read is not waited
// for.
func (c *Cache) board(parts []part, own *flight, r *request, n uint32) ([]part, *flight) {
	f := c.flights[place{r.object, n}]
	if f == nil || f.from.size != r.size || f.purpose > r.purpose {
		f = own
		if f == nil || f.last+1 != n {
			f = &flight{
				from: origin{r.object, r.size, c.epochs[epochOf(r.object)]}, name: r.name, store: r.store,
				purpose: r.purpose, first: n, last: n, done: make(chan struct{}),
			}
			own = f
		}
		f.last = n
		c.flights[place{r.object, n}] = f
	}
	if i := len(parts) - 1; i >= 0 && parts[i].flight == f {
		parts[i].last = n
		return parts, own
	}
	f.waiters++
	return append(parts, part{first: n, last: n, flight: f}), own
}

// read fills p from the disk as far as possible, and tells how much that was.
func (c *Cache) read(
	ctx context.Context, r *request, p []byte, off int64, disk bool,
) (fromDisk int, err error) {
	var few [4]part
	last := off + int64(len(p)) - 1
	parts, ok := c.plan(ctx, few[:0], r, uint32(off/chunkBytes), uint32(last/chunkBytes), disk)
	if !ok {
		return 0, r.store.ReadAt(ctx, r.name, p, off)
	}
	for i := range parts {
		q := &parts[i]
		if q.flight != nil {
			continue
		}
		at, n := q.within(p, off)
		if c.fromDisk(q, r.size, p[at:at+n], off+int64(at)) {
			fromDisk += n
		} else if err == nil {
			_, err = c.read(ctx, r, p[at:at+n], off+int64(at), false)
		}
	}
	for i := range parts {
		q := &parts[i]
		if q.flight == nil {
			continue
		}
		if err != nil {
			c.leave(q.flight)
			continue
		}
		at, n := q.within(p, off)
		err = c.await(ctx, q.flight, p[at:at+n], off+int64(at))
	}
	return fromDisk, err
}

// within says which bytes of p the part brings, if p begins at off of the object.
func (q *part) within(p []byte, off int64) (at, n int) {
	begin := max(0, int64(q.first)*chunkBytes-off)
	end := min(int64(len(p)), int64(q.last+1)*chunkBytes-off)
	return int(begin), int(end - begin)
}

var buffers = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

// fromDisk fills p, which lies in one chunk, with the object's bytes from off on. If the slot holds other bytes
// than it should, or cannot be read, it drops the chunk.
func (c *Cache) fromDisk(q *part, size int64, p []byte, off int64) bool {
	buf := buffers.Get().(*[chunkBytes]byte)
	defer buffers.Put(buf)
	skip := int(off - int64(q.first)*chunkBytes)
	from := skip / unitBytes * unitBytes
	to := min((skip+len(p)+unitBytes-1)/unitBytes*unitBytes, lengthOf(size, q.first))
	n, err := readFull(c.chunks, buf[:to-from], chunkAt(q.id)+int64(from))
	if q.now.Load() != q.turn || errors.Is(err, os.ErrClosed) {
		return false // it went while it was read
	}
	switch {
	case err != nil:
		c.dropSlot(q)
		c.readFailed(err)
		return false
	case n < to-from || !fits(buf[:n], q.sums[from/unitBytes:]):
		c.dropSlot(q)
		c.counts.corrupt.Add(1)
		return false
	}
	c.reading.worked()
	copy(p, buf[skip-from:])
	return true
}

// fits tells whether bytes that begin with a unit have their checksums.
func fits(data []byte, want []uint32) bool {
	got := sumsOf(data)
	for i := range (len(data) + unitBytes - 1) / unitBytes {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

// dropSlot drops the chunk of a slot, unless the slot has another already.
func (c *Cache) dropSlot(q *part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.now.Load() == q.turn {
		c.index.drop(q.id)
	}
}
