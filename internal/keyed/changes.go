package keyed

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// changes is a batch of changes of one state and key group, to be sorted. They may be in groups of those whose keys
// begin alike, as the entries of a map do: then only the groups are sorted by these beginnings.
type changes struct {
	prefix  int
	arena   []byte // the prefix, then keys (without it) and values
	entries []change
	spare   []change // for sorting
	groups  []change // whose keys are the beginnings; end is the slot of the owner, info the number of the group
	sizes   []uint32 // of groups, by number
	places  []uint32 // where they are put, by number
	group   uint32   // the number of the group of what is added
	numbers []uint32 // by the slots of owners: of their groups, plus one
}

// change is an entry: parts of the arena. order is what follows the beginning that all keys share, as far as it
// goes: it decides most of their order. info is the number of its group, twice, and one more if it is deleted.
type change struct {
	order                 uint64
	key, value, end, info uint32
}

func (c *changes) reset(arena []byte) {
	c.arena, c.prefix, c.entries = arena, len(arena), c.entries[:0]
	c.groups, c.sizes, c.group = c.groups[:0], c.sizes[:0], 0
}

// of says that the entry that is begun next belongs to the group of an owner, whose key is its beginning. If one entry
// of a batch has a group, all have.
func (c *changes) of(owner Slot, appendKey func([]byte, Slot) []byte) {
	if int(owner) >= len(c.numbers) {
		c.numbers = append(c.numbers, make([]uint32, int(owner)+pageLen-len(c.numbers))...)
	}
	if c.numbers[owner] == 0 {
		key := c.begin()
		c.arena = appendKey(c.arena, owner)
		c.groups = append(c.groups, change{
			key: uint32(key), value: uint32(len(c.arena)), end: uint32(owner), info: uint32(len(c.groups)),
		})
		c.sizes = append(c.sizes, 0)
		c.numbers[owner] = uint32(len(c.groups))
	}
	c.group = c.numbers[owner] - 1
	c.sizes[c.group]++
}

// begin starts an entry; the caller appends its key to the arena, then calls put.
func (c *changes) begin() int { return len(c.arena) }

func (c *changes) add(key, value int, deleted bool) {
	info := c.group << 1
	if deleted {
		info++
	}
	c.entries = append(c.entries, change{key: uint32(key), value: uint32(value), end: uint32(len(c.arena)), info: info})
}

// put adds an entry whose key has been appended to the arena from key on.
func put[V any](c *changes, key int, values *versions[V], v *V) {
	value := len(c.arena)
	if v != nil {
		c.arena = values.append(c.arena, v)
	}
	c.add(key, value, v == nil)
}

// write passes on the batch, which is sorted.
func (c *changes) write(w Writer) error {
	key := append([]byte(nil), c.arena[:c.prefix]...)
	if len(c.groups) == 0 {
		return c.writeRun(w, key, c.entries)
	}
	rest := c.entries
	for _, g := range c.groups {
		key = append(key[:c.prefix], c.key(g)...)
		size := c.sizes[g.info]
		if err := c.writeRun(w, key, rest[:size]); err != nil {
			return err
		}
		rest = rest[size:]
	}
	return nil
}

// writeRun passes on entries whose keys begin alike.
func (c *changes) writeRun(w Writer, beginning []byte, run []change) error {
	key := beginning
	for _, e := range run {
		key = append(key[:len(beginning)], c.key(e)...)
		var err error
		if e.info&1 != 0 {
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

// sort puts the entries into the order of their keys, when all are there.
func (c *changes) sort() {
	for _, g := range c.groups {
		c.numbers[g.end] = 0 // for the next batch
	}
	if n := len(c.entries); cap(c.spare) < n {
		c.spare = make([]change, n)
	}
	c.spare = c.spare[:cap(c.spare)]
	if len(c.groups) == 0 {
		c.sortRun(c.entries)
		return
	}
	c.sortRun(c.groups)
	c.bringTogether()
	rest := c.entries
	for _, g := range c.groups {
		size := c.sizes[g.info]
		c.sortRun(rest[:size])
		rest = rest[size:]
	}
}

// bringTogether puts the entries of each group beside each other, in the order of the groups.
func (c *changes) bringTogether() {
	c.places = slices.Grow(c.places[:0], len(c.groups))[:len(c.groups)]
	at := uint32(0)
	for _, g := range c.groups {
		c.places[g.info] = at
		at += c.sizes[g.info]
	}
	for _, e := range c.entries {
		to := &c.places[e.info>>1]
		c.spare[*to] = e
		*to++
	}
	c.entries, c.spare = c.spare[:len(c.entries)], c.entries[:cap(c.entries)]
}

// sortRun sorts entries by the first eight bytes in which their keys differ, digit by digit, and then those in which
// these are the same likewise.
func (c *changes) sortRun(run []change) {
	if len(run) < 2 {
		return
	}
	differ := c.setOrder(run)
	if len(run) < fewEntries {
		slices.SortFunc(run, func(a, b change) int {
			if a.order != b.order {
				return cmp.Compare(a.order, b.order)
			}
			return bytes.Compare(c.key(a), c.key(b))
		})
		return
	}
	sortByOrder(run, c.spare, differ)
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

// setOrder sets the orders of entries, and returns the bits in which these differ.
func (c *changes) setOrder(run []change) (differ uint64) {
	shared := c.sharedPrefix(run)
	for i := range run {
		e := &run[i]
		if k := c.key(*e)[shared:]; len(k) >= 8 {
			e.order = binary.BigEndian.Uint64(k)
		} else {
			var next [8]byte
			copy(next[:], k)
			e.order = binary.BigEndian.Uint64(next[:])
		}
		differ |= e.order ^ run[0].order
	}
	return differ
}

// sharedPrefix is the number of bytes that all keys begin with, as far as it matters: not of keys that a number holds.
func (c *changes) sharedPrefix(run []change) int {
	first := c.key(run[0])
	n := len(first)
	longest := uint32(0)
	for _, e := range run {
		longest = max(longest, e.value-e.key)
	}
	if longest <= 8 {
		return 0
	}
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
func sortByOrder(run, spare []change, differ uint64) {
	from, to := run, spare[:len(run)]
	for shift := 0; shift < 64; shift += 8 {
		if byte(differ>>shift) == 0 {
			continue
		}
		var places [256]uint32
		for i := range from {
			places[byte(from[i].order>>shift)]++
		}
		at := uint32(0)
		for i, k := range places {
			places[i] = at
			at += k
		}
		for i := range from {
			place := &places[byte(from[i].order>>shift)]
			to[*place] = from[i]
			*place++
		}
		from, to = to, from
	}
	if &from[0] != &run[0] {
		copy(run, from)
	}
}
