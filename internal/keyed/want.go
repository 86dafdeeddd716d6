package keyed

import (
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/record"
)

// Want adds an entry of the slot's map to what is read ahead, unless it is in memory or known to be absent. After
// Take it is in memory, or known to be absent, until the slot is held no longer and memory is short.
func (m *Map[MK, V]) Want(a *Ahead, s Slot, key MK) {
	if e, known := m.find(s, mapEntry[MK]{s, key}); known {
		m.use(e)
		return
	}
	if m.owner(s).knows == whole {
		return
	}
	at := len(a.arena)
	a.arena = m.core.keys.view()(m.core.prefix(a.arena, m.core.keys.partOf(s), stateID(m.name)), s)
	a.arena = m.codec.Append(a.arena, &key)
	if len(m.strings) > 0 {
		record.CloneStrings(unsafe.Pointer(&key), m.strings)
	}
	a.add(at, s, &wantedEntry[MK, V]{m, key})
}

// Known reports whether Get of an entry reads nothing: memory has it, or knows that it is not there.
func (m *Map[MK, V]) Known(s Slot, key MK) bool {
	return m.owner(s).knows == whole || !m.unknown(s, key)
}

// WantAll adds the slot's map as a whole to what is read ahead, unless all of it is in memory. One that is
// very long is read only when it is used.
func (m *Map[MK, V]) WantAll(a *Ahead, s Slot) {
	if m.owner(s).knows != whole {
		a.want(m.core, s, m.name, func() error { return m.complete(s) })
	}
}

// Want adds the slot's list to what is read ahead, unless all of it is in memory. One that is very long is
// read only when it is used. To append, nothing is wanted.
func (l *List[V]) Want(a *Ahead, s Slot) { l.chunks.WantAll(a, s) }

// Want adds the slot's accumulator to what is read ahead, unless all of it is in memory. To add to it, nothing is
// wanted.
func (c *Sum[A]) Want(a *Ahead, s Slot) {
	if c.know(s) == whole {
		return
	}
	a.want(c.core, s, c.name, func() error {
		if c.know(s) == whole {
			return nil
		}
		return c.complete(s)
	})
}

// want adds all that the slot's key has in a state, which use reads.
func (a *Ahead) want(c *core, s Slot, state string, use func() error) {
	prefix := c.keys.view()(nil, s)
	g := c.gather(c.keys.partOf(s), stateID(state), prefix, after(prefix))
	a.ranges = append(a.ranges, &wantedRange{g, use})
}

// wantedEntry takes an entry of a map that has been read ahead.
type wantedEntry[MK comparable, V any] struct {
	m   *Map[MK, V]
	key MK
}

// load takes an entry that is below, unless memory knows better.
func (w *wantedEntry[MK, V]) load(s Slot, encoded []byte) error {
	m := w.m
	if !m.unknown(s, w.key) {
		return nil
	}
	e := m.place(s, w.key)
	m.use(e)
	return m.take(s, e, encoded)
}

// absent keeps in mind that an entry is not there.
func (w *wantedEntry[MK, V]) absent(s Slot) {
	m := w.m
	e := m.place(s, w.key)
	m.use(e)
	m.inVain(e)
}

// unknown reports whether an entry may be below, and nothing is known of it.
func (m *Map[MK, V]) unknown(s Slot, key MK) bool {
	_, known := m.find(s, mapEntry[MK]{s, key})
	return !known && m.owner(s).knows != whole
}

// vainAtMost is how many entries of a state are known to be absent at most, those of maps that are being gone through
// not counted.
const vainAtMost = 1 << 14

// inVain remembers an entry without a value. When there are too many, the oldest is forgotten, unless it has
// become something else.
func (m *Map[MK, V]) inVain(e Slot) {
	m.vain = append(m.vain, e)
	if len(m.vain) <= vainAtMost {
		return
	}
	oldest := m.vain[0]
	m.vain = m.vain[1:]
	if !m.dir.marks[oldest>>pageBits].used.has(oldest) || m.column.holds(oldest) {
		return
	}
	if m.evictable(oldest) {
		m.evictEntry(oldest)
	} else {
		m.vain = append(m.vain, oldest)
	}
}
