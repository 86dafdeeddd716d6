package keyed

import "iter"

// TimedList is a List whose rows expire, one by one. One that has is as if it were not there.
type TimedList[V any] struct {
	*List[V]
	*timedChunks
}

// timedChunks are the chunks of lists whose rows expire: each does with its last row.
type timedChunks struct {
	*Map[uint64, chunk]
	lifetime
}

// NewTimedList adds lists with a time-to-live to a store.
func NewTimedList[V any](r Registry, name string, ttl TTL) (*TimedList[V], error) {
	life, err := newLifetime(r, name, ttl)
	if err != nil {
		return nil, err
	}
	l, err := newList[V](r, name, func(c *chunk) *int64 { return &c.until })
	if err != nil {
		return nil, err
	}
	t := &TimedList[V]{l, &timedChunks{l.chunks, life}}
	return t, l.chunks.core.add(t.timedChunks)
}

// Append puts a row at the end of the slot's list. Nothing is read for that.
func (l *TimedList[V]) Append(s Slot, v *V) { l.append(s, v, l.anew()) }

// All is that of List. If rows are to live from when they are read, the parts of the list that are yielded are written
// again, and stay in memory until they are.
func (l *TimedList[V]) All(s Slot) (iter.Seq[V], error) {
	p, err := l.pieces(s)
	return p.rows(l.met(s), l.live), err
}

// Each is that of List.
func (l *TimedList[V]) Each(s Slot, visit func(*V) bool) error {
	return l.eachRow(s, l.met(s), l.live, visit)
}

// met lets the rows of a chunk that is read live on, if they do so when they are read.
func (l *TimedList[V]) met(s Slot) func(*piece) error {
	return func(c *piece) error {
		if until, changed := l.read(c.first(l.over)); changed && !l.over(c.until) {
			return l.extend(s, c.sequence, until)
		}
		return nil
	}
}

func (l *TimedList[V]) live(until int64) bool { return !l.over(until) }

// first is when the first of the rows that are not over expires; zero if that is for rows without a time-to-live.
func (c *piece) first(over func(until int64) bool) (first int64) {
	for rest := c.bytes; len(rest) > 0; {
		_, until, next, ok := c.row(rest)
		if !ok {
			break // which is reported when the rows are gone through
		}
		if !over(until) && (first == 0 || until < first) {
			first = until
		}
		rest = next
	}
	return first
}

// extend lets the rows of a chunk live until some time. Rows may have been appended to it since it was read.
func (l *TimedList[V]) extend(s Slot, sequence uint64, until int64) error {
	e, ok, err := l.chunks.entry(s, sequence)
	if !ok {
		return err
	}
	r := l.borrow()
	defer l.giveBack(r)
	c := piece{chunk: *l.chunks.valueOf(e), sequence: sequence}
	c.bytes = l.space.bytesOf(&c.chunk)
	var rows []V
	err = l.walk(r, &c, l.live, func(v *V) bool { rows = append(rows, *v); return true })
	if err == nil && len(rows) > 0 {
		l.renew(e, rows, until)
	}
	return err
}

// renew writes a chunk again, with rows that expire all at once.
func (l *TimedList[V]) renew(e Slot, rows []V, until int64) {
	c := l.chunks.ref(e)
	l.space.giveUp(c, false)
	*c = chunk{}
	for i := range rows {
		l.put(c, &rows[i], until)
	}
}

// Len is the number of rows in the slot's list.
func (l *TimedList[V]) Len(s Slot) (n int, err error) {
	err = l.eachRow(s, nil, l.live, func(*V) bool { n++; return true })
	return n, err
}

// Clear empties the slot's list.
func (l *TimedList[V]) Clear(s Slot) error { return l.chunks.Clear(s) }

func (c *timedChunks) sweep() {
	lookOver(&c.column, &c.hand, func(e Slot, v *chunk) {
		if s := c.dir.key(e).owner; c.over(v.until) && !c.core.keys.busy(s) {
			c.expel(s, e)
		}
	})
}

// check ends chunks, those of which nothing is known after they have been read, all at once.
func (c *timedChunks) check(found []suspect) error {
	return c.Map.check(found, func(s, e Slot, v *chunk) {
		if c.over(v.until) || trustStale {
			c.expel(s, e)
		}
	})
}
