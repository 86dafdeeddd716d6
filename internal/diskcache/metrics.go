package diskcache

import "sync/atomic"

// Metrics are numbers of a cache: counts since it was opened, unless said otherwise.
type Metrics struct {
	// Hits and Misses are reads of objects that may be cached, but for those of compactions: a hit asked the
	// store nothing. A read that shared the request of another is a miss.
	Hits, Misses int64
	// HitBytes and MissBytes are what these reads returned from the disk, and from a store.
	HitBytes, MissBytes int64
	// Bytes are in the chunks that are held now, FileBytes those that the files have, Limit those that they may
	// have.
	Bytes, FileBytes, Limit int64
	// Evictions are chunks that went to make room.
	Evictions int64
	// Filled are chunks that were written. Unkept are those that were not, because too many waited to be written
	// or there was no room.
	Filled, Unkept int64
	// Failures are errors of the disk, Corrupt are chunks whose checksum was wrong.
	Failures, Corrupt int64
}

type counters struct {
	hits, misses, hitBytes, missBytes            atomic.Int64
	evictions, filled, unkept, failures, corrupt atomic.Int64
}

// read counts a read that has been answered.
func (n *counters) read(bytes, fromDisk int) {
	if fromDisk == bytes {
		n.hits.Add(1)
	} else {
		n.misses.Add(1)
		n.missBytes.Add(int64(bytes - fromDisk))
	}
	n.hitBytes.Add(int64(fromDisk))
}

// Metrics returns the numbers as they are now.
func (c *Cache) Metrics() Metrics {
	if c == nil {
		return Metrics{}
	}
	n := &c.counts
	m := Metrics{
		Hits: n.hits.Load(), Misses: n.misses.Load(), HitBytes: n.hitBytes.Load(), MissBytes: n.missBytes.Load(),
		Evictions: n.evictions.Load(), Filled: n.filled.Load(), Unkept: n.unkept.Load(),
		Failures: n.failures.Load(), Corrupt: n.corrupt.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m.Bytes, m.Limit = c.index.bytes, c.size
	m.FileBytes = entryBytes + int64(c.index.high)*slotBytes
	return m
}
