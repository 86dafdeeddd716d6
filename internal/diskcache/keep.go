package diskcache

// lease is a slot that a chunk is written to, or was, before it is published. It may be lost meanwhile.
type lease struct {
	id, turn uint32
	sums     sums
}

func chunkAt(id uint32) int64 { return int64(id) * chunkBytes }
func entryAt(id uint32) int64 { return entryBytes * (1 + int64(id)) }

// take makes a slot nobody's, for new content: a free one, a new one or, if that is allowed, one that is evicted.
func (c *Cache) take(evict bool) (l lease, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.index
	switch {
	case x.queues[free].n > 0:
		l.id = x.queues[free].newest
	case c.mayGrow():
		c.spare -= slotBytes
		l.id = x.grow()
	case evict && x.evict():
		c.counts.evictions.Add(1)
		l.id = x.queues[free].newest
	default:
		return l, false
	}
	x.move(l.id, nobodys)
	l.turn = x.renew(x.slot(l.id))
	return l, true
}

// valid tells whether the slot is still the lease's.
func (x *index) valid(l lease) bool {
	return l.id < x.high && x.slot(l.id).turn.Load() == l.turn && x.slot(l.id).queue == nobodys
}

// giveBack frees a slot that is not to be used after all.
func (c *Cache) giveBack(l lease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.index.valid(l) {
		c.index.move(l.id, free)
	}
}

// write writes a chunk to a slot that no reader knows yet. Only the worker calls it.
func (c *Cache) write(data []byte, evict bool) (l lease, ok bool) {
	if !c.writing.closed() {
		return l, false
	}
	if l, ok = c.take(evict); !ok {
		return l, false
	}
	if _, err := c.chunks.WriteAt(data, chunkAt(l.id)); err != nil {
		c.giveBack(l)
		c.writeFailed(err)
		return l, false
	}
	l.sums = sumsOf(data)
	return l, true
}

// epochOf is the counter that an object shares with a few others: if it changes, some fills are in vain.
func epochOf(k key) int { return int(k.lo % epochs) }

// origin says of which object something is a part, and when that was known.
type origin struct {
	object key
	size   int64
	epoch  uint32
}

// publish lets readers find a chunk that has been written, unless the object has been deleted since.
func (c *Cache) publish(from origin, chunk uint32, l lease) (ok bool) {
	e := entry{object: from.object, size: from.size, chunk: chunk, used: second(), sums: l.sums}
	c.mu.Lock()
	ok = c.index.valid(l) && c.epochs[epochOf(from.object)] == from.epoch
	if ok {
		c.index.attach(l.id, e)
		c.index.enter(l.id)
	}
	c.mu.Unlock()
	if !ok {
		c.giveBack(l)
		return false
	}
	c.counts.filled.Add(1)
	c.saveEntry(l.id)
	return true
}

// saveEntry writes the entry of a slot, after its data. Without a sync: the checksums find what a crash tears.
func (c *Cache) saveEntry(id uint32) {
	c.mu.Lock()
	b := c.index.entry(id)
	c.mu.Unlock()
	if _, err := c.entries.WriteAt(b[:], entryAt(id)); err != nil {
		c.writeFailed(err)
		return
	}
	c.writing.worked()
}

// keep writes a chunk that was read and publishes it. Only the worker calls it.
func (c *Cache) keep(from origin, chunk uint32, data []byte, evict bool) bool {
	if c.has(from, chunk) {
		return true
	}
	l, ok := c.write(data, evict)
	if !ok || !c.publish(from, chunk, l) {
		c.counts.unkept.Add(1)
		return false
	}
	return true
}

func (c *Cache) has(from origin, chunk uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.index.find(from.object, from.size, chunk)
	return ok
}

// forget drops what is held of an object, and what is being read or written of it will not be kept.
func (c *Cache) forget(k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epochs[epochOf(k)]++
	c.index.forget(k)
	for p := range c.flights {
		if p.object == k {
			delete(c.flights, p)
		}
	}
}

// pagesPerSecond bounds what is written to remember what was used: 1 MiB a second.
const pagesPerSecond = 16

// saveSome writes pages whose entries are older than what is known: what was used, and what is gone.
func (c *Cache) saveSome(limit int) {
	if !c.writing.closed() || !c.headed {
		return
	}
	buf := make([]byte, 0, pageSlots*entryBytes)
	for range len(c.index.pages) {
		if limit == 0 {
			return
		}
		n := c.savedPage % len(c.index.pages)
		c.savedPage = n + 1
		if buf = c.encodePage(buf[:0], n); len(buf) == 0 {
			continue
		}
		limit--
		if _, err := c.entries.WriteAt(buf, entryAt(uint32(n)*pageSlots)); err != nil {
			c.writeFailed(err)
			return
		}
	}
}

// encodePage appends the entries of a page, if they are to be saved, and takes them for saved.
func (c *Cache) encodePage(buf []byte, n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.index.pages[n]
	if !p.stale {
		return buf
	}
	p.stale = false
	first := uint32(n) * pageSlots
	for id := first; id < min(first+pageSlots, c.index.high); id++ {
		b := c.index.entry(id)
		buf = append(buf, b[:]...)
	}
	return buf
}
