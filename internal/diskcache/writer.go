package diskcache

import "github.com/aquifer-stream/aquifer/internal/objstore"

// writer writes an object to its store and, chunk by chunk, to slots that readers find once it has been finished.
type writer struct {
	objstore.Writer
	cache  *Cache
	object key
	staged *staged
	buf    *[chunkBytes]byte // the chunk that is being collected, or nil
	size   int64             // of what has been written
}

// staged are the chunks of an unfinished object that are on the disk. Only the cache's goroutine uses it.
type staged struct {
	chunks []stagedChunk
}

type stagedChunk struct {
	chunk uint32
	lease lease
}

// Write implements objstore.Writer.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	for rest := p[:n]; len(rest) > 0; {
		if w.buf == nil {
			w.buf = buffers.Get().(*[chunkBytes]byte)
		}
		taken := copy(w.buf[w.size%chunkBytes:], rest)
		w.size += int64(taken)
		if rest = rest[taken:]; w.size%chunkBytes == 0 {
			w.stage()
		}
	}
	return n, err
}

// stage hands on the chunk that has been collected, if any.
func (w *writer) stage() {
	if w.buf == nil {
		return
	}
	c, to, buf := w.cache, w.staged, w.buf
	w.buf = nil
	chunk := chunksOf(w.size) - 1
	data := buf[:lengthOf(w.size, chunk)]
	if !c.tasks.offer(func() { c.stage(to, chunk, data); buffers.Put(buf) }) {
		c.counts.unkept.Add(1)
		buffers.Put(buf)
	}
}

// Finish implements objstore.Writer.
func (w *writer) Finish() error {
	w.stage()
	c, chunks := w.cache, w.staged
	c.forget(w.object) // of an object that is not there yet nothing can be right
	from := c.origin(w.object, w.size)
	err := w.Writer.Finish()
	c.tasks.add(func() { c.settle(chunks, from, err == nil) })
	return err
}

// Abort implements objstore.Writer.
func (w *writer) Abort() {
	w.Writer.Abort()
	if w.buf != nil {
		buffers.Put(w.buf)
		w.buf = nil
	}
	c, chunks := w.cache, w.staged
	c.tasks.add(func() { c.settle(chunks, origin{}, false) })
}

// origin says what is known of an object now.
func (c *Cache) origin(k key, size int64) origin {
	c.mu.Lock()
	defer c.mu.Unlock()
	return origin{k, size, c.epochs[epochOf(k)]}
}

// stage writes a chunk that nobody may find yet. Unfinished objects have a quarter of the slots at most.
func (c *Cache) stage(to *staged, chunk uint32, data []byte) {
	c.mu.Lock()
	room := c.unfinished*4 < int(c.capacity())
	c.mu.Unlock()
	l, ok := lease{}, false
	if room {
		l, ok = c.write(data, true)
	}
	if !ok {
		c.counts.unkept.Add(1)
		return
	}
	c.unfinished++
	to.chunks = append(to.chunks, stagedChunk{chunk, l})
}

// settle lets readers find the chunks of an object, or frees their slots.
func (c *Cache) settle(s *staged, from origin, finished bool) {
	c.unfinished -= len(s.chunks)
	for _, k := range s.chunks {
		if !finished || !cacheable(from.size) {
			c.giveBack(k.lease)
		} else if !c.publish(from, k.chunk, k.lease) {
			c.counts.unkept.Add(1)
		}
	}
	s.chunks = nil
}
