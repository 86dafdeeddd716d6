package diskcache

import (
	"errors"
	"time"
)

// maxSlots bounds the index; it is 64 TiB of chunks.
const maxSlots = 1 << 30

// second is the time, as the index knows it.
func second() uint32 { return uint32(time.Now().Unix()) }

// capacity is how many slots the files may have by the limit of size. The caller holds the lock.
func (c *Cache) capacity() uint32 {
	return uint32(min(max(0, (c.size-entryBytes)/slotBytes), maxSlots))
}

func (c *Cache) mayGrow() bool { return c.index.high < c.capacity() && c.spare >= slotBytes }

// fit looks at the disk's free space and makes the files as small as they have to be. Only the worker calls it.
func (c *Cache) fit() {
	bytes, err := c.disk.free(c.dir)
	if err != nil {
		c.writeFailed(err)
		bytes = 0
	}
	c.mu.Lock()
	keep := c.capacity()
	if c.spare = bytes - c.keepFree; c.spare < 0 && err == nil {
		lacking := uint32(min((-c.spare+slotBytes-1)/slotBytes, maxSlots))
		keep = min(keep, c.index.high-min(lacking, c.index.high))
	}
	c.index.ghosts.resize(min(c.capacity(), max(2*c.index.high, pageSlots)))
	shrink, begin := c.index.high > keep, c.capacity() > 0 && !c.headed
	c.mu.Unlock()
	if shrink {
		c.shrink(keep)
	}
	if begin && c.writing.closed() {
		c.writeHead()
	}
}

func (c *Cache) writeHead() {
	if _, err := c.entries.WriteAt([]byte(magic), 0); err != nil {
		c.writeFailed(err)
		return
	}
	c.headed = true
}

// shrink cuts the files to so many slots. What is worth least goes; what is behind the cut is moved, if it can
// be.
func (c *Cache) shrink(keep uint32) {
	c.mu.Lock()
	high := c.index.high
	c.mu.Unlock()
	c.evictTo(keep)
	for id := keep; id < high; id++ {
		c.relocate(id, keep)
	}
	c.mu.Lock()
	c.index.cut(keep)
	c.mu.Unlock()
	if err := errors.Join(c.entries.Truncate(entryAt(keep)), c.chunks.Truncate(chunkAt(keep))); err != nil {
		c.writeFailed(err)
	}
}

// evictTo drops chunks until so many are left, and few at a time, so that readers do not wait long for the lock.
func (c *Cache) evictTo(keep uint32) {
	const atOnce = 64
	for more := true; more; {
		c.mu.Lock()
		for range atOnce {
			more = c.index.held() > int(keep) && c.index.evict()
			if !more {
				break
			}
			c.counts.evictions.Add(1)
		}
		c.mu.Unlock()
	}
}

// relocate moves the chunk of a slot to a free one before the cut.
func (c *Cache) relocate(id, cut uint32) {
	c.mu.Lock()
	s := c.index.slot(id)
	from := lease{id, s.turn.Load(), s.sums}
	moves := s.queue == small || s.queue == large
	var length int
	if moves {
		length = lengthOf(c.index.objects[s.object].size, s.chunk)
	}
	c.mu.Unlock()
	if !moves || !c.writing.closed() {
		return
	}
	data := make([]byte, length)
	if _, err := c.chunks.ReadAt(data, chunkAt(id)); err != nil || sumsOf(data) != from.sums {
		return // it goes with its slot
	}
	to, ok := c.takeBefore(cut)
	if !ok {
		return
	}
	if _, err := c.chunks.WriteAt(data, chunkAt(to.id)); err != nil {
		c.giveBack(to)
		c.writeFailed(err)
		return
	}
	c.moveSlot(from, to)
}

// takeBefore makes a free slot before the cut nobody's. Free ones behind it leave the queue for good.
func (c *Cache) takeBefore(cut uint32) (l lease, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.index
	for x.queues[free].n > 0 {
		id := x.queues[free].newest
		x.move(id, nobodys)
		if id < cut {
			return lease{id: id, turn: x.renew(x.slot(id))}, true
		}
	}
	return l, false
}

// moveSlot lets a chunk be found in its new slot, unless it has been dropped meanwhile.
func (c *Cache) moveSlot(from, to lease) {
	c.mu.Lock()
	x := c.index
	old, s := x.slot(from.id), x.slot(to.id)
	if old.turn.Load() != from.turn {
		x.move(to.id, free)
		c.mu.Unlock()
		return
	}
	s.object, s.chunk, s.used, s.sums = old.object, old.chunk, old.used, old.sums
	x.objects[s.object].slots[s.chunk] = to.id + 1
	x.replace(from.id, to.id)
	x.renew(old)
	c.mu.Unlock()
	c.saveEntry(to.id)
}

// cut takes the slots from one on out of the files.
func (x *index) cut(keep uint32) {
	for id := keep; id < x.high; id++ {
		s := x.slot(id)
		if s.queue == small || s.queue == large {
			x.drop(id)
		}
		x.move(id, nobodys)
		x.renew(s)
	}
	x.high = keep
	x.pages = x.pages[:(keep+pageSlots-1)/pageSlots]
}
