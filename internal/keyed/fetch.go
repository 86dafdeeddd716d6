package keyed

import (
	"bytes"
	"fmt"
	"slices"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/record"
)

// loader is a state whose values are read together with their key.
type loader interface {
	load(s Slot, encoded []byte) error
}

// reads are the table keys of a grouped read, and what they are read for.
type reads struct {
	arena []byte
	items []readItem
	keys  [][]byte
}

type readItem struct {
	key, end uint32 // in the arena
	slot     Slot
	into     loader
	value    bool // of a key of the store that was not in memory
}

func (r *reads) reset() { r.arena, r.items, r.keys = r.arena[:0], r.items[:0], r.keys[:0] }

// add ends a key that has been appended to the arena from key on.
func (r *reads) add(key int, slot Slot, into loader) {
	r.items = append(r.items, readItem{key: uint32(key), end: uint32(len(r.arena)), slot: slot, into: into})
}

func (r *reads) key(i readItem) []byte { return r.arena[i.key:i.end] }

// sort puts the items into the order of their keys, each key once.
func (r *reads) sort() {
	compare := func(a, b readItem) int { return bytes.Compare(r.key(a), r.key(b)) }
	slices.SortFunc(r.items, compare)
	r.items = slices.CompactFunc(r.items, func(a, b readItem) bool { return compare(a, b) == 0 })
	for _, i := range r.items {
		r.keys = append(r.keys, r.key(i))
	}
}

// run reads all keys in one go, without giving the turn away. What is there is loaded.
func (r *reads) run(c *core) error {
	if len(r.items) == 0 {
		return nil
	}
	r.sort()
	c.counts.Reads += int64(len(r.keys))
	err := c.Below.Read(c.Context, r.keys, func(i int, value []byte) error {
		return r.items[i].into.load(r.items[i].slot, value)
	})
	if err != nil {
		return c.readError(err)
	}
	return nil
}

func (c *core) readError(err error) error {
	return fmt.Errorf("operator %q: read state: %w", c.Name, err)
}

// bounds are the table keys between which the entries of a state and part are whose keys, behind the prefix of the
// part, go from start to before end; nil for the end of the part.
func (c *core) bounds(part int, state uint32, start, end []byte) (from, to []byte) {
	from = append(c.prefix(nil, part, state), start...)
	to = c.prefix(nil, part, state)
	if end == nil {
		return from, after(to)
	}
	return from, append(to, end...)
}

// scan visits the entries within bounds.
func (c *core) scan(part int, state uint32, start, end []byte, visit func(rest, value []byte) error) error {
	from, to := c.bounds(part, state, start, end)
	c.counts.Scans++
	err := c.Below.Scan(c.Context, from, to, func(key, value []byte) error { return visit(key[prefixLen:], value) })
	if err != nil {
		return c.readError(err)
	}
	return nil
}

// after returns the least key that is greater than all keys with the prefix, or nil if there is none.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			return append(bytes.Clone(prefix[:i]), prefix[i]+1)
		}
	}
	return nil
}

// below reports whether a key that is not in memory may be in the tables.
func (s *Store[K]) below(hash uint64) bool {
	t := &s.dir.parts[s.part(hash)]
	return t.partial && (s.filtering != complete || hasEvicted(&t.evicted, hash))
}

// admit finds or creates the slot of a key. The state of a new one that may be below is looked for there, with bring.
func (s *Store[K]) admit(key K, hash uint64, below bool) Slot {
	p := s.part(hash)
	if slot, ok := s.dir.find(p, hash, &key); ok {
		return slot
	}
	if len(s.strings) > 0 {
		record.CloneStrings(unsafe.Pointer(&key), s.strings)
	}
	slot := s.dir.insert(p, hash, key)
	s.fresh = append(s.fresh, slot)
	if s.dir.makeRoom != nil {
		s.dir.pin(slot)
	}
	switch {
	case below:
		s.missing = append(s.missing, slot)
	case s.dir.parts[p].partial:
		s.dir.marks[slot>>pageBits].alone.set(slot)
	}
	return slot
}

func (s *Store[K]) resolve(encoded []byte) (Slot, []byte, error) {
	key, rest, err := s.codec.Decode(encoded)
	if err != nil {
		return 0, nil, err
	}
	hash := s.hash(key)
	return s.admit(key, hash, s.below(hash)), rest, nil
}

// bring reads the values of the slots that have just been created.
func (s *Store[K]) bring() error {
	if len(s.missing) == 0 {
		return nil
	}
	s.reads.reset()
	s.wantMissing(&s.reads)
	err := s.reads.run(&s.core)
	slots := s.missing
	s.missing = slots[:0]
	s.arrived(slots, err)
	return err
}

// wantMissing adds the values of the slots that have just been created.
func (s *Store[K]) wantMissing(r *reads) {
	for _, t := range s.states {
		into, ok := t.(loader)
		if !ok {
			continue
		}
		for _, slot := range s.missing {
			at := len(r.arena)
			r.arena = s.prefix(r.arena, s.dir.partOf(slot), stateID(t.info().Name))
			r.arena = s.codec.Append(r.arena, s.dir.key(slot))
			r.add(at, slot, into)
			r.items[len(r.items)-1].value = true
		}
	}
}

// makeRoom frees slots of a part. Where all that takes much memory has timers, the latest of these go first.
func (s *Store[K]) makeRoom(p int) {
	if s.dir.sweep(p, s.clean, s.forgetForeseen) > 0 || !s.heavy() {
		return
	}
	for _, t := range s.states {
		if timers, ok := t.(*Timers); ok {
			timers.recede(p, leastTimers)
		}
	}
	s.dir.sweep(p, s.clean, s.forgetForeseen)
}

// foresee reads what changes when keys of a page are evicted, of all of them at once, so that the waits for memory overlap.
func (s *Store[K]) foresee(page uint32, victims *bitmap) {
	f := &s.foreseen
	f.keys = f.keys[:0]
	for i := range victims.all {
		f.keys = append(f.keys, s.dir.keys[page][i])
	}
	var hashes [pageLen]uint64
	s.codec.Hash(f.keys, hashes[:len(f.keys)])
	t, next := &s.dir.parts[s.dir.owner[page]], 0
	for i := range victims.all {
		h := hashes[next]
		f.hashes[i] = h
		f.touched += t.words[h&uint64(len(t.words)-1)] + t.evicted.touch(h)
		next++
	}
}

func (s *Store[K]) forgetForeseen(slot Slot) { s.forget(slot, s.foreseen.hashes[slot&pageMask]) }

func (s *Store[K]) clean(slot Slot) bool {
	for _, t := range s.states {
		if !t.clean(slot) {
			return false
		}
	}
	return true
}

// evict forgets a key.
func (s *Store[K]) evict(slot Slot) { s.forget(slot, s.hash(*s.dir.key(slot))) }

func (s *Store[K]) forget(slot Slot, hash uint64) {
	for _, t := range s.states {
		t.evict(slot)
	}
	p := s.dir.partOf(slot)
	s.dir.parts[p].partial = true
	if s.dir.marks[slot>>pageBits].alone.has(slot) || !s.dir.parts[p].evicted.has(hash) {
		s.remember(p, hash)
	}
	s.vacate(slot, hash)
}
