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
	codec   *record.KeyCodec[MK]
	strings []uintptr // offsets of strings in MK
	decode  func(src []byte, v *V) error
	owners  []mapOwner // by the store's slots
	links   []link     // by entry
}

type mapEntry[MK comparable] struct {
	owner Slot
	key   MK
}

// mapOwner is the map of one key: a list of its entries, those included whose tombstones are not written.
type mapOwner struct {
	head Slot // + 1; 0 for none
	n    uint32
}

// link joins the entries of a map; both are slots + 1.
type link struct{ next, prev Slot }

// NewMap adds a map state to a store.
func NewMap[MK comparable, V any](r Registry, name string) (*Map[MK, V], error) {
	codec, err := record.NewKeyCodec[MK]()
	if err != nil {
		return nil, base.Errorf(base.Config, "state %q: %w", name, err)
	}
	core := r.registry()
	m := &Map[MK, V]{name: name, codec: codec, strings: record.LayoutOf[MK]().Strings}
	hash := func(e mapEntry[MK]) uint64 {
		var one [1]uint64
		codec.Hash([]MK{e.key}, one[:])
		return mix(one[0], e.owner)
	}
	if m.entries, err = newEntries[mapEntry[MK], V](core, name, hash); err != nil {
		return nil, err
	}
	m.onDrop = m.unlink
	m.decode = m.column.codec.Decode
	return m, core.add(m)
}

// Get returns an entry of the slot's map, and whether it is there.
func (m *Map[MK, V]) Get(s Slot, key MK) (v V, ok bool) {
	e, ok := m.find(s, mapEntry[MK]{s, key})
	if !ok {
		return v, false
	}
	return m.at(e).vals[e&pageMask], true
}

// Set puts an entry into the slot's map.
func (m *Map[MK, V]) Set(s Slot, key MK, v V) { m.column.set(m.entry(s, key), &v) }

// entry finds or makes an entry that is about to get a value.
func (m *Map[MK, V]) entry(s Slot, key MK) Slot {
	e, made := m.create(s, mapEntry[MK]{s, key})
	if made {
		if len(m.strings) > 0 {
			keepStrings(unsafe.Pointer(&m.dir.key(e).key), m.strings)
		}
		m.link(s, e)
	}
	if !m.column.has(e) {
		m.owners[s].n++
	}
	return e
}

// Remove takes an entry out of the slot's map.
func (m *Map[MK, V]) Remove(s Slot, key MK) {
	if e, ok := m.find(s, mapEntry[MK]{s, key}); ok {
		m.removeEntry(s, e)
	}
}

func (m *Map[MK, V]) removeEntry(s, e Slot) {
	m.entries.remove(s, e)
	m.owners[s].n--
}

// Len is the number of entries in the slot's map.
func (m *Map[MK, V]) Len(s Slot) int {
	if int(s) >= len(m.owners) {
		return 0
	}
	return int(m.owners[s].n)
}

// All yields the entries of the slot's map. The map must not be changed meanwhile, but for removing the
// entry at hand.
func (m *Map[MK, V]) All(s Slot) iter.Seq2[MK, V] {
	return func(yield func(MK, V) bool) {
		if int(s) >= len(m.owners) {
			return
		}
		for e := m.owners[s].head; e != 0; {
			at := e - 1
			e = m.links[at].next
			if m.column.has(at) && !yield(m.dir.key(at).key, m.at(at).vals[at&pageMask]) {
				return
			}
		}
	}
}

// Clear empties the slot's map.
func (m *Map[MK, V]) Clear(s Slot) {
	if int(s) >= len(m.owners) {
		return
	}
	for e := m.owners[s].head; e != 0; e = m.links[e-1].next {
		if m.column.has(e - 1) {
			m.removeEntry(s, e-1)
		}
	}
}

func (m *Map[MK, V]) link(s, e Slot) {
	for int(s) >= len(m.owners) {
		m.owners = append(m.owners, mapOwner{})
	}
	for int(e) >= len(m.links) {
		m.links = append(m.links, link{})
	}
	head := m.owners[s].head
	m.links[e] = link{next: head}
	if head != 0 {
		m.links[head-1].prev = e + 1
	}
	m.owners[s].head = e + 1
}

func (m *Map[MK, V]) unlink(e Slot) {
	l := m.links[e]
	if l.next != 0 {
		m.links[l.next-1].prev = l.prev
	}
	if l.prev != 0 {
		m.links[l.prev-1].next = l.next
	} else {
		m.owners[m.dir.key(e).owner].head = l.next
	}
	m.links[e] = link{}
}

func (m *Map[MK, V]) info() StateInfo {
	return StateInfo{Name: m.name, Kind: "map", Schema: joinSchemas(m.codec.Schema(), m.column.codec.Schema())}
}

func (m *Map[MK, V]) has(s Slot) bool { return int(s) < len(m.owners) && m.owners[s].head != 0 }

func (m *Map[MK, V]) bytes() int64 { return m.entries.bytes() + int64(8*len(m.owners)+8*len(m.links)) }

func (m *Map[MK, V]) accept(w StateInfo) error {
	schema, err := behindKey(w.Schema, m.codec.Schema())
	if err != nil {
		return err
	}
	m.decode, err = m.column.codec.DecoderFor(schema)
	return err
}

func (m *Map[MK, V]) parse(rest []byte) (Slot, MK, error) {
	var key MK
	s, rest, err := m.core.keys.resolve(rest)
	if err != nil {
		return 0, key, err
	}
	key, _, err = m.codec.Decode(rest)
	return s, key, err
}

func (m *Map[MK, V]) set(rest, value []byte) error {
	s, key, err := m.parse(rest)
	if err != nil {
		return err
	}
	return m.decode(value, m.ref(m.entry(s, key)))
}

func (m *Map[MK, V]) remove(rest []byte) error {
	s, key, err := m.parse(rest)
	if err == nil {
		m.Remove(s, key)
		m.core.cleared = append(m.core.cleared, s)
	}
	return err
}

func (m *Map[MK, V]) removeRange(int, []byte) error { return nil }

func (m *Map[MK, V]) freeze(full bool) frozenState {
	appendOwner, entries, codec := m.core.keys.view(), m.dir.keys, m.codec
	pages, unfreeze := m.freezeEntries(full)
	return &frozenEntries[V]{
		frozenColumn: frozenColumn[V]{
			frozenPages: pages, id: stateID(m.name), codec: m.column.codec, owners: m.dir.owner,
			appendKey: func(dst []byte, e Slot) []byte {
				entry := &entries[e>>pageBits][e&pageMask]
				return codec.Append(appendOwner(dst, entry.owner), &entry.key)
			},
		},
		unfreeze: unfreeze,
	}
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
