package keyed

import (
	"iter"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// Map is a map for each key. Its entries are addressed, and become dirty, one by one.
type Map[MK comparable, V any] struct {
	entries[mapEntry[MK], V]
	name    string
	kind    string
	codec   *record.KeyCodec[MK]
	strings []uintptr  // offsets of strings in MK
	owners  []mapOwner // by the store's slots
	// links are by page of entries, of the parts of which linked says that they have them.
	links    []*[pageLen]link
	linkSlab slab[[pageLen]link]
	linked   []bool
	vain     []Slot       // entries that were looked for in vain, the latest last
	onVacate func(s Slot) // nil for nothing
	onTouch  func([]Slot) // nil for nothing
	one      reads
}

type mapEntry[MK comparable] struct {
	owner Slot
	key   MK
}

// mapOwner is the map of one key: what there is of its entries in memory.
type mapOwner struct {
	// head is the first of the list of all, plus one; 0 for none, or for a part without links.
	head Slot
	// kept counts them, those included whose tombstones are not written; n those that have values.
	kept, n uint32
	knows   knowledge
}

// link joins the entries of a map; both are slots + 1.
type link struct{ next, prev Slot }

// NewMap adds a map state to a store.
func NewMap[MK comparable, V any](r Registry, name string) (*Map[MK, V], error) {
	values, err := newVersions[V](name)
	if err != nil {
		return nil, err
	}
	m, err := newMap[MK](r, name, "map", values)
	if err != nil {
		return nil, err
	}
	return m, m.core.add(m)
}

// newMap returns a map of some kind that is not in the store yet.
func newMap[MK comparable, V any](r Registry, name, kind string, values *versions[V]) (*Map[MK, V], error) {
	codec, err := record.NewKeyCodec[MK]()
	if err != nil {
		return nil, base.Errorf(base.Config, "state %q: %w", name, err)
	}
	core := r.registry()
	m := &Map[MK, V]{name: name, kind: kind, codec: codec, strings: record.LayoutOf[MK]().Strings}
	hash := func(e mapEntry[MK]) uint64 {
		var one [1]uint64
		codec.Hash([]MK{e.key}, one[:])
		return mix(one[0], e.owner)
	}
	m.entries = newEntries[mapEntry[MK]](core, values, hash)
	m.linked = make([]bool, core.Groups.Len())
	m.onDrop = m.leave
	m.ownerOf = func(e Slot) Slot { return m.dir.key(e).owner }
	m.dir.restrict(core, m.heavy, func(p int) { m.dir.sweep(p, m.evictable, m.evictEntry) })
	return m, nil
}

// owner is the map of a slot.
func (m *Map[MK, V]) owner(s Slot) *mapOwner {
	for int(s) >= len(m.owners) {
		m.owners = append(m.owners, mapOwner{})
	}
	o := &m.owners[s]
	if o.knows == unasked {
		o.knows = m.core.knowledge(s)
	}
	return o
}

// Get returns an entry of the slot's map, and whether it is there.
func (m *Map[MK, V]) Get(s Slot, key MK) (v V, ok bool, err error) {
	e, ok, err := m.entry(s, key)
	if !ok {
		return v, false, err
	}
	return m.at(e).vals[e&pageMask], true, nil
}

// entry returns an entry of the slot's map, to be used at once, and whether it is there.
func (m *Map[MK, V]) entry(s Slot, key MK) (e Slot, ok bool, err error) {
	e, known := m.find(s, mapEntry[MK]{s, key})
	if !known {
		if m.owner(s).knows == whole {
			return 0, false, nil
		}
		if e, known, err = m.fetch(s, key); !known {
			return 0, false, err
		}
	}
	m.use(e)
	return e, m.column.has(e), nil
}

// Set puts an entry into the slot's map.
func (m *Map[MK, V]) Set(s Slot, key MK, v V) {
	e := m.place(s, key)
	if !m.column.has(e) {
		m.owners[s].n++
	}
	m.use(e)
	m.column.set(e, &v)
}

// place finds or makes the slot of an entry.
func (m *Map[MK, V]) place(s Slot, key MK) Slot {
	m.owner(s)
	e, made := m.create(s, mapEntry[MK]{s, key})
	if made {
		if len(m.strings) > 0 {
			record.CloneStrings(unsafe.Pointer(&m.dir.key(e).key), m.strings)
		}
		m.owners[s].kept++
		if m.linked[m.core.keys.partOf(s)] {
			m.link(s, e)
		}
	}
	return e
}

// Remove takes an entry out of the slot's map.
func (m *Map[MK, V]) Remove(s Slot, key MK) {
	e, known := m.find(s, mapEntry[MK]{s, key})
	switch {
	case known && m.column.has(e):
		m.removeEntry(s, e)
	case !known && m.owner(s).knows == inPart:
		m.entries.bury(s, m.place(s, key))
	}
}

func (m *Map[MK, V]) removeEntry(s, e Slot) {
	m.entries.remove(s, e)
	m.owners[s].n--
}

// Len is the number of entries in the slot's map. Those of a large map are counted and not kept.
func (m *Map[MK, V]) Len(s Slot) (n int, err error) {
	if m.owner(s).knows != whole {
		err = m.each(s, func(MK, V) bool { n++; return true })
		return n, err
	}
	return int(m.owner(s).n), nil
}

// All yields the entries of the slot's map. The map must not be changed meanwhile, but for removing the entry at
// hand; all other state may be used. Of a large map, what is not in memory is read as it is yielded, and not kept:
// if that fails, the iteration ends and Failure says why.
func (m *Map[MK, V]) All(s Slot) (iter.Seq2[MK, V], error) {
	if err := m.complete(s); err != nil {
		return nil, err
	}
	return func(yield func(MK, V) bool) {
		if err := m.each(s, yield); err != nil {
			m.core.fail(s, err)
		}
	}, nil
}

// complete brings the slot's map into memory unless it is large, and finds out whether it can be read.
func (m *Map[MK, V]) complete(s Slot) error {
	if m.owner(s).knows == whole {
		return nil
	}
	defer m.core.keep(s)()
	_, err := m.begin(s)
	return err
}

// Clear empties the slot's map. Of what is not in memory, the table keys are: they are deleted one by one.
func (m *Map[MK, V]) Clear(s Slot) error {
	defer m.core.keep(s)()
	w, err := m.begin(s)
	if err != nil {
		return err
	}
	for _, e := range w.known {
		if m.column.has(e) {
			m.removeEntry(s, e)
		}
	}
	err = w.below(func(key MK, e Slot, inMemory bool, _ []byte) error {
		switch {
		case !inMemory:
			m.entries.bury(s, m.place(s, key))
		case m.column.has(e):
			m.removeEntry(s, e)
		}
		return nil
	})
	if err == nil {
		m.owner(s).knows = whole
	}
	return err
}

// evictable reports whether an entry may be forgotten.
func (m *Map[MK, V]) evictable(e Slot) bool {
	return m.column.clean(e) && (evictKept || !m.core.isKept(m.dir.key(e).owner))
}

// evictEntry forgets a clean entry.
func (m *Map[MK, V]) evictEntry(e Slot) {
	if m.column.has(e) {
		o := &m.owners[m.dir.key(e).owner]
		o.knows = inPart
		o.n--
	}
	m.column.evict(e)
	m.drop(e)
}

// first is the first of the entries of the slot's map that are in memory, plus one; 0 for none. The first that is
// asked for in a part makes the links there: maps whose entries are only used one by one do without.
func (m *Map[MK, V]) first(s Slot) Slot {
	if p := m.core.keys.partOf(s); !m.linked[p] {
		m.linked[p] = true
		for e := range m.dir.parts[p].slots {
			m.link(m.dir.key(e).owner, e)
		}
	}
	return m.owner(s).head
}

// linkOf are the neighbours of an entry, in a part with links.
func (m *Map[MK, V]) linkOf(e Slot) *link { return &m.links[e>>pageBits][e&pageMask] }

func (m *Map[MK, V]) link(s, e Slot) {
	for int(e>>pageBits) >= len(m.links) {
		m.links = append(m.links, nil)
	}
	if page := &m.links[e>>pageBits]; *page == nil {
		*page = m.linkSlab.next()
	}
	head := m.owners[s].head
	*m.linkOf(e) = link{next: head}
	if head != 0 {
		m.linkOf(head - 1).prev = e + 1
	}
	m.owners[s].head = e + 1
}

func (m *Map[MK, V]) unlink(s, e Slot) {
	l := m.linkOf(e)
	if l.next != 0 {
		m.linkOf(l.next - 1).prev = l.prev
	}
	if l.prev != 0 {
		m.linkOf(l.prev - 1).next = l.next
	} else {
		m.owners[s].head = l.next
	}
	*l = link{}
}

// leave lets an entry that is about to be dropped leave its map.
func (m *Map[MK, V]) leave(e Slot) {
	s := m.dir.key(e).owner
	m.owners[s].kept--
	if m.linked[m.core.keys.partOf(s)] {
		m.unlink(s, e)
	}
}

func (m *Map[MK, V]) info() StateInfo {
	join := func(schema string) string { return joinSchemas(m.codec.Schema(), schema) }
	info := StateInfo{Name: m.name, Kind: m.kind, Schema: join(m.values.schema)}
	for _, o := range m.values.older {
		info.Older = append(info.Older, join(o))
	}
	return info
}

func (m *Map[MK, V]) accept(older []string) error {
	schemas, err := behindKey(older, m.codec.Schema())
	if err != nil {
		return err
	}
	return m.values.accept(schemas)
}

// has is true of a slot with entries below: without it, they would have to be looked for.
func (m *Map[MK, V]) has(s Slot) bool {
	return int(s) < len(m.owners) && (m.owners[s].kept != 0 || m.owners[s].knows == inPart)
}

// fewKept is how many entries of a map are forgotten with its key. Of a larger one the entries go one by one.
const fewKept = 32

// clean reports whether evict would lose nothing. Without it a key that has a single entry here would stay for ever, with
// all that it has in other states.
func (m *Map[MK, V]) clean(s Slot) bool {
	if int(s) >= len(m.owners) || m.owners[s].kept == 0 {
		return true
	}
	if m.owners[s].kept > fewKept {
		return false
	}
	for e := range m.inMemory(s) {
		marks := &m.dir.marks[e>>pageBits]
		if !m.evictable(e) || marks.coming.has(e) || marks.held.has(e) {
			return false
		}
	}
	return true
}

// evict forgets the slot's entries, which are clean.
func (m *Map[MK, V]) evict(s Slot) {
	if int(s) < len(m.owners) && m.owners[s].kept > 0 {
		for e := range m.inMemory(s) {
			m.evictEntry(e)
		}
	}
}

// inMemory yields the entries of the slot's map that are in memory. The one at hand may be dropped.
func (m *Map[MK, V]) inMemory(s Slot) iter.Seq[Slot] {
	return func(yield func(Slot) bool) {
		for e := m.first(s); e != 0; {
			next := m.linkOf(e - 1).next
			if !yield(e - 1) {
				return
			}
			e = next
		}
	}
}

// Touch reads from what many slots have of a list, so that the waits for memory overlap.
func (m *Map[MK, V]) Touch(slots []Slot) {
	if m.onTouch != nil {
		m.onTouch(slots)
	}
}

func (m *Map[MK, V]) vacate(s Slot) {
	if int(s) < len(m.owners) {
		m.owners[s] = mapOwner{}
	}
	if m.onVacate != nil {
		m.onVacate(s)
	}
}

func (m *Map[MK, V]) bytes() int64 {
	links := m.linkSlab.total * int(sizeOf[[pageLen]link]())
	return m.entries.bytes() + int64(16*len(m.owners)+links+4*len(m.vain))
}

func (m *Map[MK, V]) freeze() frozenState {
	appendOwner, entries, codec := m.core.keys.view(), m.dir.keys, m.codec
	pages, unfreeze := m.freezeEntries()
	entry := func(e Slot) *mapEntry[MK] { return &entries[e>>pageBits][e&pageMask] }
	ownerOf := func(e Slot) Slot { return entry(e).owner }
	return &frozenMap[V]{
		frozenEntries: frozenEntries[V]{
			frozenColumn: frozenColumn[V]{
				frozenPages: pages, id: stateID(m.name), values: m.values, owners: m.dir.owner,
				appendKey: func(dst []byte, e Slot) []byte {
					return codec.Append(appendOwner(dst, entry(e).owner), &entry(e).key)
				},
				touchKeys: touchOwners(ownerOf, m.core.keys.toucher()),
			},
			unfreeze: unfreeze,
		},
		ownerOf:     ownerOf,
		appendOwner: appendOwner,
		appendRest:  func(dst []byte, e Slot) []byte { return codec.Append(dst, &entry(e).key) },
	}
}

// frozenMap are the changes of a map state: of many entries few owners, so that only these are put in order by their
// keys, and each once.
type frozenMap[V any] struct {
	frozenEntries[V]
	ownerOf     func(e Slot) Slot
	appendOwner func(dst []byte, owner Slot) []byte
	appendRest  func(dst []byte, e Slot) []byte
}

func (f *frozenMap[V]) gather(part int, into *changes) {
	f.each(part, func(e Slot, v *V) {
		into.of(f.ownerOf(e), f.appendOwner)
		key := into.begin()
		into.arena = f.appendRest(into.arena, e)
		put(into, key, f.values, v)
	})
}
