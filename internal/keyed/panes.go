package keyed

import (
	"maps"
	"slices"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/record"
)

// Panes are tables of accumulators by key, one for each namespace: the slices of windows. A namespace is
// dropped as a whole.
type Panes[K comparable, A any] struct {
	store   *Store[K]
	name    string
	values  *versions[A]
	panes   map[int64]*Pane[K, A] // those in memory
	known   map[int64]struct{}    // those that tables may have, too
	dropped []int64               // since the last freeze, of those that tables may have
	uses    int64                 // counts uses of panes
}

// Pane is the table of one namespace.
type Pane[K comparable, A any] struct {
	column[A]
	dir   directory[K]
	panes *Panes[K, A]
	ns    int64
	used  int64 // by the count of uses
	// born is the epoch in which the table began: before its snapshot has been written, the tables below may have
	// another of the same namespace that was dropped.
	born    uint64
	missing []Slot
	busy    int // slots that are held, and that are coming
}

// NewPanes adds panes to a store. Namespaces are those that it had when it was written.
func NewPanes[A any, K comparable](s *Store[K], name string, namespaces []int64) (*Panes[K, A], error) {
	values, err := newVersions[A](name)
	if err != nil {
		return nil, err
	}
	p := &Panes[K, A]{
		store: s, name: name, values: values, panes: map[int64]*Pane[K, A]{}, known: map[int64]struct{}{},
	}
	for _, ns := range namespaces {
		p.known[ns] = struct{}{}
	}
	return p, s.add(p)
}

// Pane returns the table of a namespace, which begins empty.
func (p *Panes[K, A]) Pane(ns int64) *Pane[K, A] {
	p.uses++
	if pane, ok := p.panes[ns]; ok {
		pane.used = p.uses
		return pane
	}
	pane := &Pane[K, A]{
		column: newColumn(&p.store.core, p.values), dir: newDirectory[K](p.store.Groups.Len()),
		panes: p, ns: ns, used: p.uses, born: p.store.clock.now,
	}
	heavy := func() bool { return p.store.isHeavy(pane.weight(pane.dir.used)) }
	pane.dir.limit(&p.store.core, heavy, pane.makeRoom)
	if _, known := p.known[ns]; known {
		pane.born = 0
		for part := range pane.dir.parts {
			pane.dir.parts[part].partial = true
		}
	}
	p.panes[ns] = pane
	return pane
}

// Has reports whether a namespace may have entries.
func (p *Panes[K, A]) Has(ns int64) bool {
	_, known := p.known[ns]
	return known || p.panes[ns] != nil
}

// Namespaces are those that may have entries, ascending.
func (p *Panes[K, A]) Namespaces() []int64 {
	all := maps.Clone(p.known)
	for ns := range p.panes {
		all[ns] = struct{}{}
	}
	return slices.Sorted(maps.Keys(all))
}

// Drop forgets a namespace.
func (p *Panes[K, A]) Drop(ns int64) {
	if _, known := p.known[ns]; known {
		p.dropped = append(p.dropped, ns)
		delete(p.known, ns)
	}
	delete(p.panes, ns)
}

// Lookup finds or creates the slots of a batch of keys, all of the store's groups, in the pane.
func (p *Pane[K, A]) Lookup(keys []K, hashes []uint64, slots []Slot) error {
	p.probe(keys, hashes, slots)
	err := p.bring()
	p.panes.store.charge()
	return err
}

// probe finds or creates the slots of a batch's keys, and leaves those whose accumulators have to be looked for in
// missing.
func (p *Pane[K, A]) probe(keys []K, hashes []uint64, slots []Slot) {
	store := p.panes.store
	p.dir.hold(nil)
	for i, h := range hashes {
		part := store.part(h)
		words := p.dir.parts[part].words
		if len(words) > 0 {
			w := words[h&uint64(len(words)-1)]
			slot := Slot(uint32(w)) - 1
			if w != 0 && uint32(w>>32) == tagOf(h) && *p.dir.key(slot) == keys[i] {
				slots[i] = slot
				p.keep(slot)
				continue
			}
		}
		slots[i] = p.create(part, keys[i], h)
		p.keep(slots[i])
	}
	store.counts.Lookups += int64(len(keys))
	store.counts.Missed += int64(len(p.missing))
}

// keep marks a slot as used, and not to be evicted before the next Lookup.
func (p *Pane[K, A]) keep(s Slot) {
	if p.dir.makeRoom != nil {
		p.dir.marks[s>>pageBits].seen.set(s)
		p.dir.pin(s)
	}
}

func (p *Pane[K, A]) create(part int, key K, hash uint64) Slot {
	if s, ok := p.dir.find(part, hash, &key); ok {
		return s
	}
	store := p.panes.store
	if len(store.strings) > 0 {
		record.CloneStrings(unsafe.Pointer(&key), store.strings)
	}
	s := p.dir.insert(part, hash, key)
	if p.dir.parts[part].partial {
		p.missing = append(p.missing, s)
	} else {
		store.counts.Absent++
	}
	return s
}

// bring reads the accumulators of keys that have just been created.
func (p *Pane[K, A]) bring() error {
	if len(p.missing) == 0 {
		return nil
	}
	store := p.panes.store
	r := &store.reads
	r.reset()
	p.wantMissing(r)
	err := r.run(&store.core)
	if err != nil {
		for _, s := range p.missing { // of which it is not known what they have
			p.forgetSlot(s)
		}
	}
	p.missing = p.missing[:0]
	return err
}

// load gives a slot the accumulator that the tables below have for it.
func (p *Pane[K, A]) load(s Slot, encoded []byte) error { return p.fill(s, encoded) }

// appendKey appends what follows the prefix in the table key of an entry.
func (p *Pane[K, A]) appendKey(dst []byte, key K) []byte {
	return p.panes.store.codec.Append(appendOrdered(dst, p.ns), &key)
}

// makeRoom forgets another pane that is clean as a whole, or else slots of this one.
func (p *Pane[K, A]) makeRoom(part int) {
	var oldest *Pane[K, A]
	for _, o := range p.panes.panes {
		if o != p && o.busy == 0 && !o.clock.pending(max(o.born, o.lastChange)) && (oldest == nil || o.used < oldest.used) {
			oldest = o
		}
	}
	if oldest != nil {
		delete(p.panes.panes, oldest.ns)
		p.panes.store.counts.Evicted += int64(oldest.dir.used)
		p.panes.store.charge()
		return
	}
	if p.clock.pending(p.born) {
		return
	}
	p.dir.sweep(part, p.column.clean, func(s Slot) {
		p.dir.parts[part].partial = true
		p.forgetSlot(s)
	})
}

func (p *Pane[K, A]) forgetSlot(s Slot) {
	hash := p.panes.store.hash(*p.dir.key(s))
	p.column.evict(s)
	p.dir.remove(s, hash)
}

// Has reports whether the slot has an accumulator: it has none before its first Ptr.
func (p *Pane[K, A]) Has(s Slot) bool { return p.has(s) }

// Ptr returns the slot's accumulator to be changed at once, a zero value if there was none.
func (p *Pane[K, A]) Ptr(s Slot) *A { return p.ref(s) }

// Find returns the accumulator of a key to be read, or nil.
func (p *Pane[K, A]) Find(key K, hash uint64) (*A, error) {
	var slot [1]Slot
	part := p.panes.store.part(hash)
	s, found := p.dir.find(part, hash, &key)
	switch {
	case found && p.Coming(s):
		return p.peek(s)
	case !found && !p.dir.parts[part].partial || found && !p.has(s):
		return nil, nil
	}
	if err := p.Lookup([]K{key}, []uint64{hash}, slot[:]); err != nil {
		return nil, err
	}
	if !p.has(slot[0]) {
		return nil, nil
	}
	return &p.at(slot[0]).vals[slot[0]&pageMask], nil
}

// Each calls a function for the keys of a part with their accumulators, to be read during the call: those in
// memory, then those that are only below.
func (p *Pane[K, A]) Each(part int, visit func(*K, *A) error) error {
	if err := p.eachInMemory(part, visit); err != nil || !p.dir.parts[part].partial {
		return err
	}
	ns := appendOrdered(nil, p.ns)
	return p.panes.store.scan(part, stateID(p.panes.name), ns, after(ns), func(rest, value []byte) error {
		return p.visitBelow(part, rest[len(ns):], value, visit)
	})
}

func (p *Pane[K, A]) eachInMemory(part int, visit func(*K, *A) error) error {
	for _, n := range p.dir.parts[part].pages {
		if int(n) >= len(p.pages) || p.pages[n].page == nil {
			continue
		}
		for i := range p.pages[n].present.all {
			if err := visit(&p.dir.keys[n][i], &p.pages[n].vals[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// visitBelow passes on an accumulator that is below, unless it is in memory too.
func (p *Pane[K, A]) visitBelow(part int, encoded, value []byte, visit func(*K, *A) error) error {
	store := p.panes.store
	key, _, err := store.codec.Decode(encoded)
	if err != nil {
		return err
	}
	if s, known := p.dir.find(part, store.hash(key), &key); known && p.has(s) {
		return nil
	}
	var a A
	if err := p.values.decode(value, &a); err != nil {
		return err
	}
	return visit(&key, &a)
}

// Len is the number of keys of a part that are in memory.
func (p *Pane[K, A]) Len(part int) int { return p.dir.parts[part].n }

func (p *Panes[K, A]) info() StateInfo {
	return StateInfo{Name: p.name, Kind: "panes", Schema: p.values.schema, Older: p.values.older}
}
func (p *Panes[K, A]) has(Slot) bool               { return false }
func (p *Panes[K, A]) clean(Slot) bool             { return true }
func (p *Panes[K, A]) evict(Slot)                  {}
func (p *Panes[K, A]) vacate(Slot)                 {}
func (p *Panes[K, A]) reclaim()                    {}
func (p *Panes[K, A]) accept(older []string) error { return p.values.accept(older) }

func (p *Panes[K, A]) bytes() (total int64) {
	for _, pane := range p.panes {
		total += pane.bytes + pane.dir.bytes
	}
	return total
}
