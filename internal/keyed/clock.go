package keyed

import "slices"

// marks is what a directory remembers of the slots of a page, to choose those that may go when memory is short.
type marks struct {
	used   bitmap // slots that hold keys
	seen   bitmap // slots used since the hand came by
	pinned bitmap // slots that the batch at hand works with
	held   bitmap // slots that someone works with until they say otherwise
	coming bitmap // slots whose state is being read
	alone  bitmap // slots of keys that were nowhere when they came
}

// limit makes a directory keep to its store's budget. Whether values are heavy matters when that is spent.
func (d *directory[K]) limit(core *core, heavy func() bool, makeRoom func(p int)) {
	if !core.Budget.Limited() {
		return
	}
	d.heavy = func() bool { return core.Budget.Spent() && heavy() }
	d.makeRoom = func(p int) {
		t, written := &d.parts[p], core.clock.written.Load()+1
		if !core.Budget.pagesSpent() || t.stuck == written {
			return
		}
		before := d.used
		makeRoom(p)
		core.counts.Evicted += int64(before - d.used)
		if len(t.free) == 0 {
			t.stuck = written
		}
	}
}

// restrict is limit for a directory whose keys may be below already.
func (d *directory[K]) restrict(core *core, heavy func() bool, makeRoom func(p int)) {
	d.limit(core, heavy, makeRoom)
	for p := range d.parts {
		d.parts[p].partial = core.Restored
	}
}

// hold keeps the slots of a batch, those of the one before no longer, and marks them as used.
func (d *directory[K]) hold(slots []Slot) {
	if d.makeRoom != nil {
		d.unpin()
		d.see(slots)
		d.pin(slots...)
	}
}

// see marks slots as used: the hand will pass them by once.
func (d *directory[K]) see(slots []Slot) {
	for _, s := range slots {
		if s != NoSlot {
			d.marks[s>>pageBits].seen.set(s)
		}
	}
}

// pin keeps slots from being evicted until unpin.
func (d *directory[K]) pin(slots ...Slot) {
	for _, s := range slots {
		if s != NoSlot {
			d.marks[s>>pageBits].pinned.set(s)
			d.pinned = append(d.pinned, s)
		}
	}
}

func (d *directory[K]) unpin() {
	for _, s := range d.pinned {
		d.marks[s>>pageBits].pinned = bitmap{}
	}
	d.pinned = d.pinned[:0]
}

// relieve frees slots of a part although it may have some: its values take memory of their own.
func (d *directory[K]) relieve(core *core, p int) {
	if d.makeRoom == nil || !d.heavy() {
		return
	}
	t := &d.parts[p]
	free := len(t.free)
	d.makeRoom(p)
	if len(t.free) == free {
		t.stuck = core.clock.written.Load() + 1
	}
	core.keys.charge()
}

// shed forgets values that take more than their pages, when there are far more of them than the budget is for: it may have
// become less, or they were being written when it was spent. What they take goes back to the process.
func (s *Store[K]) shed() {
	written := s.clock.written.Load() + 1
	if !s.Budget.Limited() || s.Budget.Used() < s.Budget.Limit()/8*9 || s.shedding == written || !s.heavy() {
		return
	}
	if s.Relieve(); s.Budget.Spent() {
		s.shedding = written
	}
}

// Pressed reports whether the store is far beyond the budget, has looked for room in vain, and would have much of it if what
// has changed were written: a small change, of a timer say, keeps all that its key has.
func (s *Store[K]) Pressed() bool {
	limit := s.Budget.Limit()
	if !s.Budget.Limited() || s.Budget.Used() < limit/8*9 || s.dirtied.entries*s.Each() < limit/16 || !s.heavy() {
		return false
	}
	written := s.clock.written.Load() + 1
	return slices.ContainsFunc(s.dir.parts, func(p part) bool { return p.stuck == written })
}

// Relieve frees slots before a snapshot is taken: much of what is in memory is clean then, and is not while the snapshot
// is being written. Parts that have free slots are passed over, unless it is the values that take the memory.
func (s *Store[K]) Relieve() {
	if s.dir.makeRoom == nil {
		return
	}
	heavy, first, spent := s.heavy(), s.dir.used, s.Budget.pagesSpent
	if heavy {
		spent = s.Budget.Spent
	}
	defer func() { s.counts.Evicted += int64(first - s.dir.used) }()
	for range relieveRounds {
		before := s.dir.used
		for p := range s.dir.parts {
			if !spent() {
				return
			}
			if heavy || len(s.dir.parts[p].free) < evictAtOnce {
				s.makeRoom(p)
				s.charge()
			}
		}
		if s.dir.used == before {
			return
		}
	}
}

// relieveRounds is how many times each part is asked for slots at most.
const relieveRounds = 8

// heavy reports whether values take much beyond their pages.
func (s *Store[K]) heavy() bool {
	var held, pages int64
	for _, t := range s.states {
		if c, ok := t.(interface{ weight() (held, pages int64) }); ok {
			h, p := c.weight()
			held, pages = held+h, pages+p
		}
	}
	return s.isHeavy(held, pages)
}

// isHeavy reports whether what values take beyond their pages is more than these, and more than what they may always have.
func (c *core) isHeavy(held, pages int64) bool { return held > max(pages, c.Budget.valueShare()) }

// evictAtOnce is how many slots a search for room wants to free, or a quarter of those in use if they are few.
const evictAtOnce = 64

// sweep evicts slots of a part that have not been used since the hand came by last, until some are free or the
// hand has been around: the clock algorithm (Corbató, 1968). A slot begins as not used, so that keys that come
// once do not drive out those that come again.
func (d *directory[K]) sweep(p int, clean func(Slot) bool, evict func(Slot)) (evicted int) {
	t := &d.parts[p]
	enough := min(evictAtOnce, max(1, t.n/4))
	for passed := 0; passed < 2*len(t.pages) && evicted < enough; passed++ {
		t.hand = (t.hand + 1) % len(t.pages)
		page := t.pages[t.hand]
		m := &d.marks[page]
		victims := m.used.without(m.seen).without(m.pinned).without(m.held).without(m.coming)
		m.seen = bitmap{}
		for i := range victims.all {
			if !clean(Slot(page)<<pageBits + i) {
				victims.unset(i)
			}
		}
		if d.foresee != nil {
			d.foresee(page, &victims)
		}
		for i := range victims.all {
			evict(Slot(page)<<pageBits + i)
			evicted++
		}
	}
	return evicted
}
