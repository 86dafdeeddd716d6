package keyed

// fetch reads an entry that is not in memory.
func (m *Map[MK, V]) fetch(s Slot, key MK) (e Slot, found bool, err error) {
	m.one.reset()
	m.wantEntry(s, key, func(at Slot) { e, found = at, true })
	err = m.one.run(m.core)
	return e, found && err == nil, err
}

// wantEntry lets the next run of reads bring an entry, and calls found if it is there.
func (m *Map[MK, V]) wantEntry(s Slot, key MK, found func(e Slot)) {
	at := len(m.one.arena)
	m.one.arena = m.core.keys.view()(m.core.prefix(m.one.arena, m.core.keys.partOf(s), stateID(m.name)), s)
	m.one.arena = m.codec.Append(m.one.arena, &key)
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

// complete reads what the slot's map has below and not in memory.
func (m *Map[MK, V]) complete(s Slot) error {
	if m.owner(s).knows == whole {
		return nil
	}
	m.dir.unpin()
	for e := m.owners[s].head; e != 0; e = m.links[e-1].next {
		m.dir.pin(e - 1)
	}
	prefix := m.core.keys.view()(nil, s)
	err := m.core.scan(m.core.keys.partOf(s), stateID(m.name), prefix, after(prefix), func(rest, value []byte) error {
		key, _, err := m.codec.Decode(rest[len(prefix):])
		if err != nil {
			return err
		}
		if _, known := m.find(s, mapEntry[MK]{s, key}); known {
			return nil
		}
		e := m.place(s, key)
		m.dir.pin(e)
		return m.take(s, e, value)
	})
	if err == nil {
		m.owners[s].knows = whole
	}
	return err
}
