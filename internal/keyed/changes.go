package keyed

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// changes is a batch of changes of one state and key group, to be sorted.
type changes struct {
	prefix  int
	arena   []byte // the prefix, then keys (without it) and values
	entries []change
	spare   []change // for sorting
}

// change is an entry: parts of the arena. order is what follows the beginning that all keys share, as far as it
// goes: it decides most of their order.
type change struct {
	order           uint64
	key, value, end uint32
	deleted         bool
}

func (c *changes) reset(arena []byte) {
	c.arena, c.prefix, c.entries = arena, len(arena), c.entries[:0]
}

// begin starts an entry; the caller appends its key to the arena, then calls put.
func (c *changes) begin() int { return len(c.arena) }

func (c *changes) add(key, value int, deleted bool) {
	c.entries = append(c.entries, change{
		key: uint32(key), value: uint32(value), end: uint32(len(c.arena)), deleted: deleted,
	})
}

// put adds an entry whose key has been appended to the arena from key on.
func put[V any](c *changes, key int, values *versions[V], v *V) {
	value := len(c.arena)
	if v != nil {
		c.arena = values.append(c.arena, v)
	}
	c.add(key, value, v == nil)
}

// write sorts the batch and passes it on.
func (c *changes) write(w Writer) error {
	c.sort()
	key := append([]byte(nil), c.arena[:c.prefix]...)
	for _, e := range c.entries {
		key = append(key[:c.prefix], c.key(e)...)
		var err error
		if e.deleted {
			err = w.Delete(key)
		} else {
			err = w.Set(key, c.arena[e.value:e.end])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *changes) key(e change) []byte { return c.arena[e.key:e.value] }

// sort puts the entries into the order of their keys.
func (c *changes) sort() {
	if cap(c.spare) < len(c.entries) {
		c.spare = make([]change, len(c.entries))
	}
	c.sortRun(c.entries)
}

// sortRun sorts entries by the first eight bytes in which their keys differ, digit by digit, and then those in which
// these are the same likewise: keys of one map differ behind all that leads to the map.
func (c *changes) sortRun(run []change) {
	if len(run) < fewEntries {
		slices.SortFunc(run, func(a, b change) int { return bytes.Compare(c.key(a), c.key(b)) })
		return
	}
	shared := c.sharedPrefix(run)
	for i := range run {
		e := &run[i]
		var next [8]byte
		copy(next[:], c.key(*e)[shared:])
		e.order = binary.BigEndian.Uint64(next[:])
	}
	sortByOrder(run, c.spare)
	for from := 0; from < len(run); {
		to := from + 1
		for to < len(run) && run[to].order == run[from].order {
			to++
		}
		switch same := run[from:to]; {
		case len(same) == len(run): // a key ends where the others differ
			slices.SortFunc(run, func(a, b change) int { return bytes.Compare(c.key(a), c.key(b)) })
		case len(same) > 1:
			c.sortRun(same)
		}
		from = to
	}
}

// sharedPrefix is the number of bytes that all keys begin with.
func (c *changes) sharedPrefix(run []change) int {
	first := c.key(run[0])
	n := len(first)
	for _, e := range run[1:] {
		k := c.key(e)
		n = min(n, len(k))
		for i := range n {
			if k[i] != first[i] {
				n = i
				break
			}
		}
	}
	return n
}

// fewEntries are sorted by comparison: counting digits would take longer.
const fewEntries = 64

// sortByOrder is a radix sort from the least digit on, by way of spare. Digits that are the same in all entries cost
// nothing: of the keys of one group, few differ.
func sortByOrder(run, spare []change) {
	var counts [8][256]uint32
	for _, e := range run {
		for d := range counts {
			counts[d][byte(e.order>>(8*d))]++
		}
	}
	from, to := run, spare[:len(run)]
	for d := range counts {
		n := &counts[d]
		if n[byte(from[0].order>>(8*d))] == uint32(len(from)) {
			continue
		}
		at := uint32(0)
		for i, k := range n {
			n[i] = at
			at += k
		}
		for _, e := range from {
			digit := byte(e.order >> (8 * d))
			to[n[digit]] = e
			n[digit]++
		}
		from, to = to, from
	}
	if &from[0] != &run[0] {
		copy(run, from)
	}
}
