package diskcache

import (
	"context"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// warmChunks is how many chunks are read ahead by one request: 4 MiB.
const warmChunks = 64

// stretch is a run of chunks of an object that is to be warmed.
type stretch struct {
	objstore.Object
	first, end uint32
}

// Warm reads what the cache lacks of objects: first the chunks of a hot list (nil: none), in its order, then the
// objects in theirs. It stops when there is no free room any more: nothing is evicted for it. One request at a
// time, at purpose objstore.WarmUp. An error is the store's or the context's.
func (s *Store) Warm(ctx context.Context, objects []objstore.Object, hot []byte) error {
	if !s.cache.keeps() {
		return nil
	}
	ctx = objstore.For(ctx, objstore.WarmUp)
	for _, w := range s.stretches(objects, hot) {
		if more, err := s.warm(ctx, w); err != nil || !more {
			return err
		}
	}
	return nil
}

// stretches lists what to warm, in order.
func (s *Store) stretches(objects []objstore.Object, hot []byte) (all []stretch) {
	known := map[uint64]objstore.Object{}
	for _, o := range objects {
		if cacheable(o.Size) {
			known[s.key(o.Name).lo] = o
		}
	}
	for _, r := range decodeHot(hot) {
		if o, ok := known[r.object]; ok {
			end := min(r.first+r.count, chunksOf(o.Size))
			all = append(all, stretch{o, min(r.first, end), end})
		}
	}
	for _, o := range objects {
		if cacheable(o.Size) {
			all = append(all, stretch{o, 0, chunksOf(o.Size)})
		}
	}
	return all
}

// warm reads what is missing of a stretch. There is no more to do when there is no room.
func (s *Store) warm(ctx context.Context, w stretch) (more bool, err error) {
	for w.first < w.end {
		from := s.cache.origin(s.key(w.Name), w.Size)
		if err := ctx.Err(); err != nil {
			return false, err
		}
		first, end := s.cache.missing(from, w.first, w.end)
		if first == end {
			return true, nil
		}
		end = min(end, first+s.cache.room())
		if first == end {
			return false, nil
		}
		data := make([]byte, min(int64(end)*chunkBytes, w.Size)-int64(first)*chunkBytes)
		if err := s.Store.ReadAt(ctx, w.Name, data, int64(first)*chunkBytes); err != nil {
			return false, err
		}
		if err := s.cache.keepAll(ctx, from, first, data); err != nil {
			return false, err
		}
		w.first = end
	}
	return true, nil
}

// missing returns the first run of chunks that are not held, of at most warmChunks.
func (c *Cache) missing(from origin, first, end uint32) (uint32, uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := func(n uint32) bool { _, ok := c.index.find(from.object, from.size, n); return ok }
	for first < end && held(first) {
		first++
	}
	n := first
	for n < min(end, first+warmChunks) && !held(n) {
		n++
	}
	return first, n
}

// room is how many chunks can be kept without evicting any.
func (c *Cache) room() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || !c.writing.closed() {
		return 0
	}
	n := int64(c.index.queues[free].n)
	if c.index.high < c.capacity() {
		n += min(int64(c.capacity()-c.index.high), max(0, c.spare/slotBytes))
	}
	return uint32(n)
}

// keepAll keeps chunks, waiting for each: warming is not to push aside what readers have missed. Chunks that
// cannot be kept are none of its business.
func (c *Cache) keepAll(ctx context.Context, from origin, first uint32, data []byte) error {
	for i := uint32(0); len(data) > 0; i++ {
		chunk := data[:min(chunkBytes, len(data))]
		data = data[len(chunk):]
		done := make(chan struct{})
		if !c.tasks.add(func() { c.keep(from, first+i, chunk, false); close(done) }) {
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
