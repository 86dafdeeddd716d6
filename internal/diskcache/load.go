package diskcache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// load reads the entries of the file into the index. The most recently used chunks are the last to go.
func (c *Cache) load(ctx context.Context) error {
	head := make([]byte, entryBytes)
	if n, err := readFull(c.entries, head, 0); err != nil || string(head[:n]) != magic {
		return c.begin()
	}
	c.headed = true
	buf := make([]byte, pageSlots*entryBytes)
	var loaded []loadedSlot
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("open disk cache %s: %w", c.dir, err)
		}
		n, err := readFull(c.entries, buf, entryBytes*(1+int64(c.index.high)))
		for b := range slices.Chunk(buf[:n-n%entryBytes], entryBytes) {
			loaded = c.loadEntry(loaded, b)
		}
		more = err == nil && n == len(buf) && c.index.high < maxSlots
	}
	c.queueLoaded(loaded)
	return c.cutFiles(c.index.high)
}

// queueLoaded queues chunks in the order of their last use.
func (c *Cache) queueLoaded(loaded []loadedSlot) {
	slices.SortFunc(loaded, func(a, b loadedSlot) int {
		return cmp.Or(cmp.Compare(c.index.slot(a.id).used, c.index.slot(b.id).used), cmp.Compare(a.id, b.id))
	})
	for _, l := range loaded {
		if c.index.slot(l.id).queue == loading {
			c.index.move(l.id, l.queue)
		}
	}
}

// loadedSlot is a slot that is to be queued when the order is known.
type loadedSlot struct {
	id    uint32
	queue queueID
}

// loadEntry takes over the next entry of the file. Of two for one chunk, the one that was used last counts.
func (c *Cache) loadEntry(loaded []loadedSlot, b []byte) []loadedSlot {
	x := c.index
	id := x.grow()
	e, ok := decodeEntry(b)
	if o := x.objects[e.object]; ok && o != nil {
		ok = !c.newer(o, e)
	}
	if !ok {
		x.move(id, free)
		return loaded
	}
	x.attach(id, e)
	x.move(id, loading)
	to := small
	if e.proven {
		to = large
	}
	return append(loaded, loadedSlot{id, to})
}

// newer tells whether what is there of an object makes an entry obsolete.
func (c *Cache) newer(o *object, e entry) bool {
	if o.size != e.size {
		return slices.ContainsFunc(o.slots, func(s uint32) bool { return s != 0 && c.index.slot(s-1).used >= e.used })
	}
	old := o.slots[e.chunk]
	return old != 0 && c.index.slot(old-1).used >= e.used
}

// begin makes the files those of an empty cache, whose head the worker writes.
func (c *Cache) begin() error {
	if err := c.entries.Truncate(0); err != nil {
		return base.Errorf(base.Config, "disk cache directory %s cannot be written to: %w", c.dir, err)
	}
	return c.cutFiles(0)
}

// cutFiles takes away what is in only one of the files.
func (c *Cache) cutFiles(slots uint32) error {
	err := errors.Join(c.entries.Truncate(entryAt(slots)), c.chunks.Truncate(chunkAt(slots)))
	if err != nil {
		return base.Errorf(base.Config, "disk cache directory %s cannot be written to: %w", c.dir, err)
	}
	return nil
}

// readFull reads what there is. Less than is asked for is no error.
func readFull(f file, p []byte, off int64) (n int, err error) {
	n, err = f.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
