package keyed

// olderChanges are the slots of a page that were changed in earlier epochs, of which the last is known.
type olderChanges struct {
	slots bitmap
	upTo  uint64
}

// remember notes what was changed before the first change of a page in this epoch, as far as it may not be below yet.
func (c *column[V]) remember(i int) {
	if c.older == nil {
		return
	}
	for i >= len(c.older) {
		c.older = append(c.older, olderChanges{})
	}
	o, ref := &c.older[i], &c.pages[i]
	switch {
	case ref.page == nil || !c.clock.pending(ref.epoch):
		*o = olderChanges{}
	case c.clock.pending(o.upTo):
		o.slots.add(ref.dirty)
		o.upTo = ref.epoch
	default:
		*o = olderChanges{ref.dirty, ref.epoch}
	}
}

// writtenBefore reports whether the tables below have what a slot had before this epoch, in which its page has been
// changed.
func (c *column[V]) writtenBefore(s Slot) bool {
	i := int(s >> pageBits)
	if i >= len(c.older) {
		return false
	}
	o := &c.older[i]
	return !c.clock.pending(o.upTo) || !o.slots.has(s)
}
