package keyed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// gathered is a copy of a range of what is below, or of its beginning.
type gathered struct {
	start, end []byte // table keys, end nil for none
	bytes      []byte
	entries    []gatheredEntry
	more       bool // the range goes on behind the entries
}

// gatheredEntry is an entry: its key, and up to end its value, are in bytes.
type gatheredEntry struct{ key, value, end int }

// bound is how much of a range is kept at once, but for one entry that is larger.
type bound struct{ entries, bytes int }

func (b bound) reached(entries, bytes int) bool { return entries >= b.entries || bytes >= b.bytes }

// Of a range that is gone through more is kept than of one that is read ahead beside many others.
var (
	gatherMost = bound{4096, 1 << 20}
	aheadMost  = bound{512, 64 << 10}
)

// gather returns a range of a state and part that is to be read. Its bounds are those of scan.
func (c *core) gather(part int, state uint32, start, end []byte) gathered {
	from, to := c.bounds(part, state, start, end)
	return gathered{start: from, end: to}
}

// read copies entries until there are no more, or enough says that one is too many.
func (g *gathered) read(ctx context.Context, below Below, enough func(key []byte) bool) error {
	err := below.Scan(ctx, g.start, g.end, func(key, value []byte) error {
		if enough(key) {
			g.more = true
			return errEnough
		}
		e := gatheredEntry{key: len(g.bytes)}
		g.bytes = append(g.bytes, key...)
		e.value = len(g.bytes)
		g.bytes = append(g.bytes, value...)
		e.end = len(g.bytes)
		g.entries = append(g.entries, e)
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// readSome reads as much as is to be kept at once.
func (g *gathered) readSome(ctx context.Context, below Below, most bound) error {
	return g.read(ctx, below, func([]byte) bool { return most.reached(len(g.entries), len(g.bytes)) })
}

func (g *gathered) key(e gatheredEntry) []byte { return g.bytes[e.key:e.value] }

// all yields the keys and values.
func (g *gathered) all(yield func(key, value []byte) bool) {
	for _, e := range g.entries {
		if !yield(g.key(e), g.bytes[e.value:e.end]) {
			return
		}
	}
}

// rest is what follows what has been read: it begins behind the last entry.
func (g *gathered) rest() gathered {
	last := g.key(g.entries[len(g.entries)-1])
	return gathered{start: append(bytes.Clone(last), 0), end: g.end}
}

// replay is a range that has been gathered, in the place of the tables below. It ends when memory may have
// forgotten what it does not have.
type replay struct {
	*gathered
	stale func() bool
}

// errStale says that a range has to be read again.
var errStale = errors.New("what was read ahead is stale")

// Scan implements Below.
func (r replay) Scan(_ context.Context, start, end []byte, visit func(key, value []byte) error) error {
	if r.stale() || !bytes.Equal(start, r.start) || !bytes.Equal(end, r.end) {
		return errStale
	}
	for key, value := range r.all {
		if err := visit(key, value); err != nil {
			return err
		}
	}
	return nil
}

// Read implements Below.
func (r replay) Read(context.Context, [][]byte, func(int, []byte) error) error {
	return fmt.Errorf("%w: it has no keys", errStale)
}
