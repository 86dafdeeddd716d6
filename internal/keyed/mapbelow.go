package keyed

import "slices"

// fetch reads an entry that is not in memory. Other records may use the store meanwhile.
func (m *Map[MK, V]) fetch(s Slot, key MK) (e Slot, found bool, err error) {
	m.core.asked = m.appendKey(m.core.asked[:0], s, key)
	value, there, err := m.core.fetch(m.core.asked)
	if err != nil {
		return 0, false, err
	}
	if e, known := m.find(s, mapEntry[MK]{s, key}); known || !there {
		return e, known, nil
	}
	e = m.place(s, key)
	err = m.take(s, e, value)
	return e, err == nil, err
}

// appendKey appends the table key of an entry.
func (m *Map[MK, V]) appendKey(dst []byte, s Slot, key MK) []byte {
	dst = m.core.keys.view()(m.core.prefix(dst, m.core.keys.partOf(s), stateID(m.name)), s)
	return m.codec.Append(dst, &key)
}

// wantEntry lets the next run of reads bring an entry, and calls found if it is there.
func (m *Map[MK, V]) wantEntry(s Slot, key MK, found func(e Slot)) {
	at := len(m.one.arena)
	m.one.arena = m.appendKey(m.one.arena, s, key)
	m.one.add(at, s, entryLoader(func(_ Slot, encoded []byte) error {
		e := m.place(s, key)
		if err := m.take(s, e, encoded); err != nil {
			return err
		}
		found(e)
		return nil
	}))
}

// entryLoader takes the value of one entry.
type entryLoader func(s Slot, encoded []byte) error

func (f entryLoader) load(s Slot, encoded []byte) error { return f(s, encoded) }

// take gives an entry that has just been made the value that it has below.
func (m *Map[MK, V]) take(s, e Slot, encoded []byte) error {
	if err := m.column.fill(e, encoded); err != nil {
		m.evictEntry(e)
		return err
	}
	m.owners[s].n++
	return nil
}

// walk goes through the map of a slot. Nothing of it may be forgotten meanwhile.
type walk[MK comparable, V any] struct {
	m *Map[MK, V]
	s Slot
	// known are the entries that memory had at the beginning, ascending, those included whose tombstones are not
	// written. They stay where they are.
	known []Slot
	// rest are the first entries below, if there are so many that they are not brought into memory.
	rest  stretch
	large bool
}

// begin begins a walk. A map that is not large is all in memory after that.
func (m *Map[MK, V]) begin(s Slot) (w walk[MK, V], err error) {
	w = walk[MK, V]{m: m, s: s}
	if m.owner(s).knows != whole {
		if w.rest, err = w.read(m.core.keys.view()(nil, s)); err != nil {
			return w, err
		}
		if w.large = w.rest.next != nil; !w.large {
			if err := m.bring(s, &w.rest); err != nil {
				return w, err
			}
		}
	}
	w.known = slices.AppendSeq(w.known, m.inMemory(s))
	slices.Sort(w.known)
	return w, nil
}

// read reads the entries from start on.
func (w *walk[MK, V]) read(start []byte) (stretch, error) {
	core, prefix := w.m.core, w.m.core.keys.view()(nil, w.s)
	return core.stretch(core.keys.partOf(w.s), stateID(w.m.name), start, after(prefix))
}

// bring takes all that the slot's map has below into memory. What it has brought must not go to make room for the rest.
func (m *Map[MK, V]) bring(s Slot, all *stretch) error {
	prefix := len(m.core.keys.view()(nil, s))
	err := all.all(func(rest, value []byte) error {
		key, _, err := m.codec.Decode(rest[prefix:])
		if err != nil {
			return err
		}
		if _, known := m.find(s, mapEntry[MK]{s, key}); known {
			return nil
		}
		return m.take(s, m.place(s, key), value)
	})
	if err == nil {
		m.owner(s).knows = whole
	}
	return err
}

// below visits the entries of a large map that memory did not have at the beginning, in the order of their keys: with
// their slots if it has them by now, and as they are below otherwise.
func (w *walk[MK, V]) below(visit func(key MK, e Slot, inMemory bool, value []byte) error) error {
	if !w.large {
		return nil
	}
	m, prefix := w.m, len(w.m.core.keys.view()(nil, w.s))
	for r := w.rest; ; {
		err := r.all(func(rest, value []byte) error {
			key, _, err := m.codec.Decode(rest[prefix:])
			if err != nil {
				return err
			}
			e, known := m.find(w.s, mapEntry[MK]{w.s, key})
			if known {
				if _, before := slices.BinarySearch(w.known, e); before {
					return nil
				}
			}
			return visit(key, e, known, value)
		})
		if err != nil || r.next == nil {
			return err
		}
		if r, err = w.read(r.next); err != nil {
			return err
		}
	}
}

// each visits the entries of the slot's map until visit says that it is enough.
func (m *Map[MK, V]) each(s Slot, visit func(key MK, v V) bool) error {
	defer m.core.keep(s)()
	w, err := m.begin(s)
	if err != nil {
		return err
	}
	for _, e := range w.known {
		if m.column.has(e) && !visit(m.dir.key(e).key, *m.valueOf(e)) {
			return nil
		}
	}
	err = w.below(func(key MK, e Slot, inMemory bool, value []byte) error {
		var v V
		switch {
		case !inMemory:
			if err := m.values.decode(value, &v); err != nil {
				return err
			}
		case !m.column.has(e):
			return nil
		default:
			v = *m.valueOf(e)
		}
		if !visit(key, v) {
			return errEnough
		}
		return nil
	})
	if err == errEnough {
		return nil
	}
	return err
}
