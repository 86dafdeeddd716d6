package keyed

import "slices"

// entries are rows of a state that has several for each key of the store: a directory of its own, from what
// identifies an entry to its slot, and a column of values. E contains the owner, a slot of the store; an entry
// lives in the part of its owner.
type entries[E comparable, V any] struct {
	column[V]
	dir     directory[E]
	core    *core
	hash    func(E) uint64
	removed []Slot    // in this epoch
	awaited awaited   // by entry: of removed, and of waiting
	waiting []*[]Slot // by snapshot: entries whose tombstones it writes
	onDrop  func(Slot)
	latest  sought[E]
	// ownerOf is the owner of an entry that stays while the owner is kept; nil for entries that need not.
	ownerOf func(e Slot) Slot
}

// sought is what has come of looking for an entry last: it is often looked for again, to be changed.
type sought[E comparable] struct {
	entry E
	hash  uint64
	slot  Slot
	found bool
	as    uint64 // of this version of the directory, plus one
}

func newEntries[E comparable, V any](core *core, values *versions[V], hash func(E) uint64) entries[E, V] {
	return entries[E, V]{
		column: newColumn(core, values), dir: newDirectory[E](core.Groups.Len()), core: core, hash: hash,
	}
}

// find returns the slot of an entry of which something is known: its value, or that it has none.
func (t *entries[E, V]) find(owner Slot, e E) (Slot, bool) {
	l := &t.latest
	if l.as == t.dir.version+1 && l.entry == e {
		return l.slot, l.found
	}
	*l = sought[E]{entry: e, hash: t.hash(e), as: t.dir.version + 1}
	l.slot, l.found = t.dir.find(t.core.keys.partOf(owner), l.hash, &e)
	return l.slot, l.found
}

// create finds or makes the slot of an entry; made says that its place in the directory is new.
func (t *entries[E, V]) create(owner Slot, e E) (s Slot, made bool) {
	if s, ok := t.find(owner, e); ok {
		return s, false
	}
	return t.dir.insert(t.core.keys.partOf(owner), t.latest.hash, e), true
}

// use marks an entry as used.
func (t *entries[E, V]) use(s Slot) {
	if t.dir.makeRoom != nil {
		t.dir.marks[s>>pageBits].seen.set(s)
	}
}

// remove takes an entry away. It stays in the directory until its tombstone has been written.
func (t *entries[E, V]) remove(owner, s Slot) {
	if t.column.clear(s) {
		t.note(owner, s)
	}
}

// bury is remove for an entry that is not in memory.
func (t *entries[E, V]) bury(owner, s Slot) {
	t.column.bury(s)
	t.note(owner, s)
}

// note lets a removed entry and its owner wait for the tombstone to be written.
func (t *entries[E, V]) note(owner, s Slot) {
	t.removed = append(t.removed, s)
	t.awaited.add(s)
	t.core.lost(owner)
}

// freezeEntries takes the changed pages and lets the removed entries wait for the snapshot to be written.
func (t *entries[E, V]) freezeEntries() (pages *frozenPages[V], unfreeze func()) {
	removed := t.removed
	t.waiting = append(t.waiting, &removed)
	t.removed = nil
	return t.column.freeze(), func() { t.unfreeze(&removed) }
}

// reclaim drops the entries that the oldest snapshot, which has been written, had tombstones for. Those that have to be
// kept wait for another.
func (t *entries[E, V]) reclaim() {
	for _, s := range *t.waiting[0] {
		if !t.awaited.told(s) || !t.dir.marks[s>>pageBits].used.has(s) || t.column.holds(s) {
			continue
		}
		if t.ownerOf != nil && !reclaimKept && t.core.isKept(t.ownerOf(s)) {
			t.note(t.ownerOf(s), s)
			continue
		}
		t.drop(s)
	}
	t.waiting = t.waiting[1:]
}

// drop takes an entry out of the directory.
func (t *entries[E, V]) drop(s Slot) {
	t.onDrop(s)
	t.dir.remove(s, t.hash(*t.dir.key(s)))
}

// unfreeze puts back what waited for a snapshot that will not be written.
func (t *entries[E, V]) unfreeze(removed *[]Slot) {
	t.removed = append(t.removed, *removed...)
	t.waiting = slices.DeleteFunc(t.waiting, func(w *[]Slot) bool { return w == removed })
}

func (t *entries[E, V]) bytes() int64 {
	return t.dir.bytes + t.held(t.dir.used) + int64(4*len(t.awaited))
}

// heavy reports whether values take much beyond their pages.
func (t *entries[E, V]) heavy() bool { return t.core.isHeavy(t.weight(t.dir.used)) }

// mix combines the hash of an entry with its owner.
func mix(hash uint64, owner Slot) uint64 {
	x := hash ^ uint64(owner+1)*0x9E3779B97F4A7C15
	x = (x ^ x>>32) * 0xD6E8FEB86659FD93
	return x ^ x>>32
}

// frozenEntries are the changes of a state with entries.
type frozenEntries[V any] struct {
	frozenColumn[V]
	unfreeze func()
}

func (f *frozenEntries[V]) release() {
	f.frozenColumn.release()
	f.unfreeze()
}
