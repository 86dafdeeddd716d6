package keyed

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
)

// filtering is what a store's filters of keys below are good for.
type filtering uint8

const (
	// complete filters have all keys that are below and not in memory.
	complete filtering = iota
	// counting says that they will, when the census is over.
	counting
	// without says that they would take too much memory.
	without
)

// census goes through what a restored store has below, for the filters. It does so beside other reads, a little for each key
// that was looked for in vain: so it costs about as much as that did, however large the state is, and nothing where such
// keys are rare.
type census struct {
	vain   int      // keys that were looked for in vain, before it began
	owed   int      // and since then, for which nothing has been read yet
	next   []byte   // the table key that it goes on at; nil before it has begun
	busy   bool     // a part of it is being read
	states []uint32 // whose entries begin with a key of the store
}

const (
	// censusAfter is after how many keys that were looked for in vain the census begins.
	censusAfter = 1000
	// censusEntries are about as many as are read in the time in which a key is looked for in vain.
	censusEntries = 1000
	// censusMost are the most that are read at once.
	censusMost = 128 << 10
)

// Census is a part of the census of a store's keys: what is to be read, and the keys that have been found.
type Census struct {
	start, end []byte
	entries    int // to be read at most
	states     []uint32
	hash       func(key []byte) (uint64, error)
	found      []censusKey
	next       []byte // where there is more; nil for the end
	err        error
}

// censusKey is a key: its hash, and its key group among all.
type censusKey struct {
	hash  uint64
	group uint16
}

// lookedInVain takes note of the keys that have just been looked for and have no value. Of a key that could only have
// entries of its own nobody knows.
func (s *Store[K]) lookedInVain(a *Ahead) {
	if s.filtering != counting {
		return
	}
	var found []Slot
	for _, f := range a.found {
		if item := a.items[f.item]; item.value {
			found = append(found, item.slot)
		}
	}
	slices.Sort(found)
	n, c := len(a.slots)-len(slices.Compact(found)), &s.census
	if c.vain < censusAfter {
		c.vain += n
	} else {
		c.owed += n
	}
}

// CountBeside returns what the census is to read beside what else is read; nil for nothing. It is read on any goroutine,
// once, and then given to Counted. Nobody has to wait for it.
func (s *Store[K]) CountBeside() *Census {
	c := &s.census
	if s.filtering != counting || c.busy || c.owed == 0 {
		return nil
	}
	const group = prefixLen - 4
	if c.next == nil {
		c.next = s.prefix(nil, 0, 0)[:group]
		for _, t := range s.states {
			if slices.Contains([]string{"value", "map", "list", "sum"}, t.info().Kind) {
				c.states = append(c.states, stateID(t.info().Name))
			}
		}
	}
	c.busy = true
	hash := func(key []byte) (uint64, error) {
		k, _, err := s.codec.Decode(key)
		return s.hash(k), err
	}
	entries := min(censusMost, censusEntries*c.owed)
	c.owed = 0
	return &Census{
		start: c.next, end: after(s.prefix(nil, s.Groups.Len()-1, 0)[:group]),
		entries: entries, states: c.states, hash: hash,
	}
}

// Read finds the keys of the next entries. Those of one key are together, so it is found once in each state. It does not
// touch the store.
func (c *Census) Read(ctx context.Context, below Below) {
	read := 0
	c.err = below.Scan(ctx, c.start, c.end, func(key, _ []byte) error {
		if read == c.entries {
			c.next = bytes.Clone(key)
			return errEnough
		}
		read++
		if !slices.Contains(c.states, binary.BigEndian.Uint32(key[prefixLen-4:])) {
			return nil
		}
		hash, err := c.hash(key[prefixLen:])
		if n := len(c.found); err == nil && (n == 0 || c.found[n-1].hash != hash) {
			c.found = append(c.found, censusKey{hash, binary.BigEndian.Uint16(key[prefixLen-6:])})
		}
		return err
	})
	c.err = unlessEnough(c.err)
}

// Counted takes what the census has found into the filters. What could not be read is an error, and read again if there
// is another time.
func (s *Store[K]) Counted(c *Census) error {
	s.census.busy = false
	if c.err != nil {
		return s.readError(c.err)
	}
	for _, k := range c.found {
		if p := int(k.group - uint16(s.Groups.Start)); !s.dir.parts[p].evicted.has(k.hash) {
			s.remember(p, k.hash)
		}
	}
	if s.census.next = c.next; c.next == nil && s.filtering == counting {
		s.filtering = complete
	}
	s.charge()
	return nil
}

// remember takes note of a key that is below and not in memory, or about to be, and that the filter does not have. A store
// with so many small entries below that its filters would take too much of its memory goes without.
func (s *Store[K]) remember(part int, hash uint64) {
	if s.filtering == without {
		return
	}
	t := &s.dir.parts[part]
	before, most := t.evicted.blocks, s.Budget.filterShare()/sizeOfBlock/int64(s.Parts())
	added := t.evicted.add(hash, t.n, int(most))
	s.remembered += int64(t.evicted.blocks-before) * sizeOfBlock
	if !added {
		for p := range s.dir.parts {
			s.dir.parts[p].evicted = evicted{}
		}
		s.filtering, s.remembered = without, 0
	}
}
