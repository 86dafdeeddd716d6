package keyed

import (
	"bytes"
	"cmp"
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
// goes: it decides most comparisons.
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

// sort puts the entries into the order of their keys: by eight bytes of each key, digit by digit, and then by
// comparison where those are the same.
func (c *changes) sort() {
	if len(c.entries) == 0 {
		return
	}
	shared := c.sharedPrefix()
	for i := range c.entries {
		e := &c.entries[i]
		var next [8]byte
		copy(next[:], c.key(*e)[shared:])
		e.order = binary.BigEndian.Uint64(next[:])
	}
	c.sortByOrder()
	for from := 0; from < len(c.entries); {
		to := from + 1
		for to < len(c.entries) && c.entries[to].order == c.entries[from].order {
			to++
		}
		if to > from+1 {
			slices.SortFunc(c.entries[from:to], func(a, b change) int { return bytes.Compare(c.key(a), c.key(b)) })
		}
		from = to
	}
}

// sharedPrefix is the number of bytes that all keys begin with.
func (c *changes) sharedPrefix() int {
	first := c.key(c.entries[0])
	n := len(first)
	for _, e := range c.entries[1:] {
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

// sortByOrder is a radix sort from the least digit on. Digits that are the same in all entries cost nothing: of the
// keys of one group, few differ.
func (c *changes) sortByOrder() {
	if len(c.entries) < fewEntries {
		slices.SortFunc(c.entries, func(a, b change) int { return cmp.Compare(a.order, b.order) })
		return
	}
	var counts [8][256]uint32
	for _, e := range c.entries {
		for d := range counts {
			counts[d][byte(e.order>>(8*d))]++
		}
	}
	if cap(c.spare) < len(c.entries) {
		c.spare = make([]change, len(c.entries))
	}
	from, to := c.entries, c.spare[:len(c.entries)]
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
	c.entries, c.spare = from, to
}
