package keyed

import "iter"

// TimedMap is a Map whose entries expire, one by one. One that has is as if it were not there.
type TimedMap[MK comparable, V any] struct {
	*Map[MK, timed[V]]
	lifetime
}

// NewTimedMap adds a map state with a time-to-live to a store.
func NewTimedMap[MK comparable, V any](r Registry, name string, ttl TTL) (*TimedMap[MK, V], error) {
	life, values, err := newTimed[V](r, name, ttl)
	if err != nil {
		return nil, err
	}
	m, err := newMap[MK](r, name, "map", values)
	if err != nil {
		return nil, err
	}
	t := &TimedMap[MK, V]{m, life}
	return t, m.core.add(t)
}

// Get returns an entry of the slot's map, and whether it is there.
func (m *TimedMap[MK, V]) Get(s Slot, key MK) (v V, ok bool, err error) {
	t, ok, err := m.Map.Get(s, key)
	if !ok || m.over(t.until) {
		return v, false, err
	}
	if until, changed := m.read(t.until); changed {
		t.until = until
		m.Map.Set(s, key, t)
	}
	return t.v, true, nil
}

// Set puts an entry into the slot's map. It reads if the time is to be counted from the first write.
func (m *TimedMap[MK, V]) Set(s Slot, key MK, v V) error {
	var before timed[V]
	if m.update == OnCreation {
		var err error
		if before, _, err = m.Map.Get(s, key); err != nil {
			return err
		}
	}
	m.Map.Set(s, key, timed[V]{v, m.written(before.until)})
	return nil
}

// Len is the number of entries in the slot's map. Those of a large map are counted and not kept.
func (m *TimedMap[MK, V]) Len(s Slot) (n int, err error) {
	err = m.each(s, func(_ MK, t timed[V]) bool {
		if !m.over(t.until) {
			n++
		}
		return true
	})
	return n, err
}

// All is that of Map. If entries are to live from when they are read, all that are yielded stay in memory until they
// are written.
func (m *TimedMap[MK, V]) All(s Slot) (iter.Seq2[MK, V], error) {
	if err := m.complete(s); err != nil {
		return nil, err
	}
	return func(yield func(MK, V) bool) {
		err := m.each(s, func(key MK, t timed[V]) bool {
			if m.over(t.until) {
				return true
			}
			if until, changed := m.read(t.until); changed {
				m.renew(s, key, timed[V]{t.v, until})
			}
			return yield(key, t.v)
		})
		if err != nil {
			m.core.fail(s, err)
		}
	}, nil
}

// renew gives an entry another time to expire at.
func (m *TimedMap[MK, V]) renew(s Slot, key MK, t timed[V]) {
	if e, known := m.find(s, mapEntry[MK]{s, key}); known {
		m.ref(e).until = t.until
	} else {
		m.Map.Set(s, key, t)
	}
}

func (m *TimedMap[MK, V]) sweep() {
	lookOver(&m.column, &m.hand, func(e Slot, t *timed[V]) {
		if s := m.dir.key(e).owner; m.over(t.until) && !m.core.keys.busy(s) {
			m.expel(s, e)
		}
	})
}

// check ends entries, those of which nothing is known after they have been read, all at once.
func (m *TimedMap[MK, V]) check(found []suspect) error {
	return m.Map.check(found, func(s, e Slot, t *timed[V]) {
		if m.over(t.until) || trustStale {
			m.expel(s, e)
		}
	})
}

// expel removes an entry whose time is over.
func (m *Map[MK, V]) expel(s, e Slot) {
	m.removeEntry(s, e)
	m.core.counts.Expired++
}

// check visits entries, which are read in one go if they are not in memory.
func (m *Map[MK, V]) check(found []suspect, visit func(s, e Slot, v *V)) error {
	m.one.reset()
	for _, f := range found {
		key, _, err := m.codec.Decode(f.rest)
		if err != nil {
			return err
		}
		s := f.slot
		e, known := m.find(s, mapEntry[MK]{s, key})
		switch {
		case known && m.column.has(e):
			visit(s, e, m.valueOf(e))
		case !known && m.owner(s).knows != whole:
			m.wantEntry(s, key, func(e Slot) { visit(s, e, m.valueOf(e)) })
		}
	}
	return m.one.run(m.core)
}

func (m *Map[MK, V]) valueOf(e Slot) *V { return &m.at(e).vals[e&pageMask] }
