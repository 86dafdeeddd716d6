package keyed

import (
	"slices"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/record"
)

// Sum is an accumulator for each key that is added to without being read. What a key has may be in parts: entries
// below, each with a sequence of its own, and in memory the one that is being added to, which overwrites its
// entry from snapshot to snapshot. Who asks for the whole merges the parts, in the order of their sequences, and
// leaves one.
type Sum[A any] struct {
	column[operand[A]]
	core   *core
	name   string
	values *versions[A]
	merge  func(into, from *A)
	knows  []knowledge // by slot: whether any part is below, but for that in memory
	gone   []partID    // parts that the next snapshot is to delete
	// touched keeps the compiler from leaving out loads whose values nobody needs.
	touched uint64
}

// operand is the part of an accumulator that is in memory. Its sequence is not zero.
type operand[A any] struct {
	acc      A
	sequence uint64
}

// partID names a part.
type partID struct {
	slot     Slot
	sequence uint64
}

// NewSum adds sums to a store. merge takes one accumulator into another, to which nothing earlier was added.
func NewSum[A any](r Registry, name string, merge func(into, from *A)) (*Sum[A], error) {
	e, err := newEncoding[A](name)
	if err != nil {
		return nil, err
	}
	values, err := versionsOf(sumEncoding(e))
	if err != nil {
		return nil, err
	}
	c := newSum(r, name, values, merge)
	return c, c.core.add(c)
}

// newSum returns a sum that is not in the store yet.
func newSum[A any](r Registry, name string, values *versions[A], merge func(into, from *A)) *Sum[A] {
	core := r.registry()
	return &Sum[A]{column: newColumn[operand[A]](core, nil), core: core, name: name, values: values, merge: merge}
}

// Part returns the part in memory of a slot's accumulator, to be added to at once, and whether it has just been
// made: a zero value. Nothing is read for that.
func (c *Sum[A]) Part(s Slot) (acc *A, made bool) {
	o := c.ref(s)
	if o.sequence != 0 {
		return &o.acc, false
	}
	c.know(s)
	o.sequence = c.core.sequence()
	return &o.acc, true
}

// Keep makes what strings of a part lead to its own, when it has been added to.
func (c *Sum[A]) Keep(acc *A) {
	if len(c.strings) > 0 {
		record.CloneStrings(unsafe.Pointer(acc), c.strings) // offsets in an operand, which begins with it
	}
}

// Get returns a slot's accumulator to be read at once, and whether it has one.
func (c *Sum[A]) Get(s Slot) (acc *A, ok bool, err error) {
	if c.know(s) == inPart {
		if err := c.complete(s); err != nil {
			return nil, false, err
		}
	}
	if !c.column.has(s) {
		return nil, false, nil
	}
	return &c.hot(s).acc, true, nil
}

func (c *Sum[A]) hot(s Slot) *operand[A] { return &c.at(s).vals[s&pageMask] }

// know is what is known of the parts of a slot.
func (c *Sum[A]) know(s Slot) knowledge {
	for int(s) >= len(c.knows) {
		c.knows = append(c.knows, unasked)
	}
	if c.knows[s] == unasked {
		c.knows[s] = c.core.knowledge(s)
	}
	return c.knows[s]
}

// complete makes the part in memory the only one. One part that is below alone stays as it is.
func (c *Sum[A]) complete(s Slot) error {
	var sum operand[A]
	var gone []partID
	err := c.below(s, func(sequence uint64, value []byte) error {
		if sum.sequence == 0 {
			sum.sequence = sequence
			return c.values.decode(value, &sum.acc)
		}
		var acc A
		if err := c.values.decode(value, &acc); err != nil {
			return err
		}
		c.merge(&sum.acc, &acc)
		gone = append(gone, partID{s, sum.sequence})
		sum.sequence = sequence
		return nil
	})
	if err != nil || c.know(s) == whole { // by a Take that came meanwhile
		return err
	}
	if sum.sequence != 0 {
		c.join(s, &sum, gone)
	}
	c.knows[s] = whole
	return nil
}

// join puts what was below before the part in memory.
func (c *Sum[A]) join(s Slot, sum *operand[A], gone []partID) {
	if c.column.has(s) {
		gone = append(gone, partID{s, sum.sequence})
		hot := c.hot(s)
		c.merge(&sum.acc, &hot.acc)
		sum.sequence = hot.sequence
	}
	if len(gone) == 0 {
		p := c.writable(s)
		p.present.set(s)
		p.vals[s&pageMask] = *sum
		return
	}
	*c.ref(s) = *sum
	c.remove(gone)
}

// below visits the parts of a slot that are not in memory, in the order of their sequences.
func (c *Sum[A]) below(s Slot, visit func(sequence uint64, value []byte) error) error {
	var hot uint64
	if c.column.has(s) && !countTwice {
		hot = c.hot(s).sequence
	}
	return c.core.eachOf(s, stateID(c.name), func(rest, value []byte) error {
		sequence, err := takeSequence(rest)
		if err != nil || sequence == hot {
			return err
		}
		return visit(sequence, value)
	})
}

// countTwice is set by the test that shows that the part in memory must not be read.
var countTwice = false

// Clear takes a slot's accumulator away.
func (c *Sum[A]) Clear(s Slot) error {
	var gone []partID
	if c.know(s) == inPart {
		err := c.below(s, func(sequence uint64, _ []byte) error {
			gone = append(gone, partID{s, sequence})
			return nil
		})
		if err != nil {
			return err
		}
		if c.know(s) == whole { // by a Take that came meanwhile, and joined the parts
			gone = nil
		}
	}
	c.knows[s] = whole
	switch {
	case c.column.has(s):
		gone = append(gone, partID{s, c.hot(s).sequence})
		c.column.clear(s)
	case len(gone) > 0:
		c.column.bury(s)
	default:
		return nil
	}
	c.remove(gone)
	c.core.lost(s)
	return nil
}

// remove lets the next snapshot delete parts. Their slots are dirty, so that their keys stay until that is done.
func (c *Sum[A]) remove(gone []partID) {
	c.gone = append(c.gone, gone...)
	c.dirtied.add(int64(len(gone)), c.grain+c.heft.Each())
}

// Touch reads from the pages of many slots, so that the waits for memory overlap.
func (c *Sum[A]) Touch(slots []Slot) { c.touched += c.touch(slots) }

func (c *Sum[A]) info() StateInfo {
	return StateInfo{Name: c.name, Kind: "sum", Schema: c.values.schema, Older: c.values.older}
}
func (c *Sum[A]) has(s Slot) bool             { return c.holds(s) }
func (c *Sum[A]) clean(s Slot) bool           { return c.column.clean(s) }
func (c *Sum[A]) evict(s Slot)                { c.column.evict(s) }
func (c *Sum[A]) reclaim()                    {}
func (c *Sum[A]) accept(older []string) error { return c.values.accept(older) }

func (c *Sum[A]) bytes() int64 {
	return c.column.bytes + int64(len(c.knows)) + int64(len(c.gone))*int64(sizeOf[partID]())
}

func (c *Sum[A]) vacate(s Slot) {
	if int(s) < len(c.knows) {
		c.knows[s] = unasked
	}
}

func (c *Sum[A]) freeze() frozenState {
	f := &frozenSum[A]{
		frozenPages: c.column.freeze(), sum: c, gone: c.gone,
		appendKey: c.core.keys.view(), touchKeys: c.core.keys.toucher(), owners: c.core.keys.owners(),
	}
	c.gone = nil
	return f
}

// frozenSum are the changes of sums.
type frozenSum[A any] struct {
	*frozenPages[operand[A]]
	sum       *Sum[A]
	gone      []partID
	next      int // of gone
	appendKey func([]byte, Slot) []byte
	touchKeys toucher
	owners    []uint16
	sorted    *byPart[operand[A]]
}

func (f *frozenSum[A]) state() uint32  { return stateID(f.sum.name) }
func (f *frozenSum[A]) ranges() []span { return nil }

func (f *frozenSum[A]) owner(p partID) int { return int(f.owners[p.slot>>pageBits]) }

func (f *frozenSum[A]) gather(part int, into *changes) {
	if f.sorted == nil {
		b := newByPart(f.frozenPages, f.owners, f.touchKeys)
		f.sorted = &b
		slices.SortFunc(f.gone, func(a, b partID) int { return f.owner(a) - f.owner(b) })
	}
	add := func(p partID, acc *A) {
		key := into.begin()
		into.arena = appendSequence(f.appendKey(into.arena, p.slot), p.sequence)
		put(into, key, f.sum.values, acc)
	}
	f.sorted.visit(part, func(s Slot, o *operand[A]) {
		if o != nil { // or else its parts are among those that are gone
			add(partID{s, o.sequence}, &o.acc)
		}
	})
	for ; f.next < len(f.gone) && f.owner(f.gone[f.next]) == part; f.next++ {
		add(f.gone[f.next], nil)
	}
}

func (f *frozenSum[A]) release() {
	f.frozenPages.release()
	f.sum.remove(f.gone)
}
