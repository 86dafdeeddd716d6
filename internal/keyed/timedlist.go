package keyed

// TimedList is a List whose rows expire, one by one. One that has is as if it were not there.
type TimedList[V any] struct {
	*List[V]
	*timedChunks[V]
}

// timedChunks are the chunks of lists whose rows expire: each does with its last row.
type timedChunks[V any] struct {
	*Map[uint64, chunk[V]]
	lifetime
}

// NewTimedList adds lists with a time-to-live to a store.
func NewTimedList[V any](r Registry, name string, ttl TTL) (*TimedList[V], error) {
	life, err := newLifetime(r, name, ttl)
	if err != nil {
		return nil, err
	}
	l, err := newList(r, name, func(c *chunk[V]) *int64 { return &c.until })
	if err != nil {
		return nil, err
	}
	t := &TimedList[V]{l, &timedChunks[V]{l.chunks, life}}
	return t, l.chunks.core.add(t.timedChunks)
}

// Append puts a row at the end of the slot's list. Nothing is read for that.
func (l *TimedList[V]) Append(s Slot, v *V) { l.append(s, v, l.anew()) }

// All returns the rows of the slot's list in the order in which they were appended.
func (l *TimedList[V]) All(s Slot) (rows []V, err error) {
	entries, err := l.sorted(s)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		c := l.chunks.valueOf(e)
		from := len(rows)
		err := l.walk(c, func(v V, until int64) {
			if !l.over(until) {
				rows = append(rows, v)
			}
		})
		if err != nil {
			return nil, err
		}
		if until := c.until; len(rows) > from {
			if until, changed := l.read(until); changed {
				l.renew(e, rows[from:], until)
			}
		}
	}
	return rows, nil
}

// renew writes a chunk again, with rows that expire all at once.
func (l *TimedList[V]) renew(e Slot, rows []V, until int64) {
	c := l.chunks.ref(e)
	l.chunks.column.bytes -= int64(cap(c.bytes))
	*c = chunk[V]{}
	for i := range rows {
		l.put(c, &rows[i], until)
	}
}

// Len is the number of rows in the slot's list.
func (l *TimedList[V]) Len(s Slot) (n int, err error) {
	entries, err := l.sorted(s)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		err := l.walk(l.chunks.valueOf(e), func(_ V, until int64) {
			if !l.over(until) {
				n++
			}
		})
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// Clear empties the slot's list.
func (l *TimedList[V]) Clear(s Slot) error { return l.chunks.Clear(s) }

func (c *timedChunks[V]) sweep() {
	lookOver(&c.column, &c.hand, func(e Slot, v *chunk[V]) {
		if c.over(v.until) {
			c.expel(c.dir.key(e).owner, e)
		}
	})
}

// check ends chunks, those of which nothing is known after they have been read, all at once.
func (c *timedChunks[V]) check(found []suspect) error {
	return c.Map.check(found, func(s, e Slot, v *chunk[V]) {
		if c.over(v.until) || trustStale {
			c.expel(s, e)
		}
	})
}
