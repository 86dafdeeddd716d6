package keyed

// What user code asks a state for may have to be read, and while it is read other records may use the store: those of
// other keys. So whoever reads keeps nothing meanwhile that leads into the store: what was read is put into memory of
// its own, and when the read is over all is looked up again. What memory has by then goes first.
//
// What was read is as of the time when the read was issued, or later, and memory must not have forgotten anything since
// that corrects it. A single entry is read when nothing is known of it: then all that ever happened to it can be read
// from below, and nobody changes it before its reader goes on. The same goes for the parts of a sum: the one in memory
// stays while its slot is held. But of a map or a list memory has some entries and not others; so while somebody goes
// through one, it is kept: nothing of it is evicted, and no tombstone of it is reclaimed.

// yield calls read with what user code reads through: it may give the turn away.
func (c *core) yield(read func(below Below) error) error {
	if !c.yields() {
		return read(c.Below)
	}
	return c.Yielding.Yield(read)
}

func (c *core) yields() bool { return c.Yielding != nil && !c.alone }

// blocking lets all reads keep the turn until the function that it returns is called.
func (c *core) blocking() (end func()) {
	before := c.alone
	c.alone = true
	return func() { c.alone = before }
}

// fetch looks for a table key of which memory knows nothing. The value is valid until the turn is given away.
func (c *core) fetch(key []byte) (value []byte, there bool, err error) {
	c.counts.Reads++
	if c.yields() {
		value, there, err = c.Yielding.Get(key)
	} else {
		value, there, err = Get(c.Context, c.Below, key)
	}
	if err != nil {
		return nil, false, c.readError(err)
	}
	return value, there, nil
}

// keep lets memory forget nothing of the maps and lists of a slot until the function that it returns is called.
func (c *core) keep(s Slot) (end func()) {
	if c.kept == nil {
		c.kept = map[Slot]int{}
	}
	c.kept[s]++
	return func() {
		if c.kept[s]--; c.kept[s] == 0 {
			delete(c.kept, s)
		}
	}
}

// isKept reports whether nothing of a slot may be forgotten.
func (c *core) isKept(s Slot) bool { return len(c.kept) > 0 && c.kept[s] > 0 }

// evictKept and reclaimKept are set by the tests that show that nothing may be forgotten of what is being gone through.
var evictKept, reclaimKept = false, false

// fail remembers the error that has ended an iteration.
func (c *core) fail(s Slot, err error) {
	if c.failed == nil {
		c.failed = map[Slot]error{}
	}
	c.failed[s] = err
}

// Failure is the error that ended an iteration over the state of a slot since it was asked for last: something could
// not be read. Whoever calls user code asks for it after each call.
func (s *Store[K]) Failure(slot Slot) error {
	if len(s.failed) == 0 {
		return nil
	}
	err := s.failed[slot]
	delete(s.failed, slot)
	return err
}

// busy reports whether a record in flight works with a slot, or its state is on its way.
func (s *Store[K]) busy(slot Slot) bool { return s.Held(slot) || s.Coming(slot) }
