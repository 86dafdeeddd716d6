package keyed

// TimedColumn is a Column whose values expire. One that has is as if it were not there.
type TimedColumn[V any] struct {
	*Column[timed[V]]
	lifetime
}

// NewTimedColumn adds a value state with a time-to-live to a store.
func NewTimedColumn[V any](r Registry, name string, ttl TTL) (*TimedColumn[V], error) {
	life, values, err := newTimed[V](r, name, ttl)
	if err != nil {
		return nil, err
	}
	core := r.registry()
	c := &TimedColumn[V]{&Column[timed[V]]{column: newColumn(core, values), core: core, name: name}, life}
	return c, core.add(c)
}

// Get returns the value of a slot, and whether it has one.
func (c *TimedColumn[V]) Get(s Slot) (v V, ok bool) {
	t, ok := c.Peek(s)
	if !ok || c.over(t.until) {
		return v, false
	}
	if until, changed := c.read(t.until); changed {
		t = c.ref(s)
		t.until = until
	}
	return t.v, true
}

// Set gives a slot a value.
func (c *TimedColumn[V]) Set(s Slot, v *V) {
	t := c.ref(s)
	t.v, t.until = *v, c.written(t.until)
	c.kept(t)
}

// Update changes the slot's value by a function, a zero value if there was none.
func (c *TimedColumn[V]) Update(s Slot, fn func(*V)) {
	t := c.ref(s)
	if c.over(t.until) {
		*t = timed[V]{}
	}
	t.until = c.written(t.until)
	fn(&t.v)
	c.kept(t)
}

func (c *TimedColumn[V]) sweep() {
	lookOver(&c.column, &c.hand, func(s Slot, t *timed[V]) {
		if c.over(t.until) && !c.core.keys.busy(s) {
			c.end(s)
		}
	})
}

// check ends values of slots, all of which have been looked for below.
func (c *TimedColumn[V]) check(found []suspect) error {
	for _, f := range found {
		if t, ok := c.Peek(f.slot); ok && (c.over(t.until) || trustStale) {
			c.end(f.slot)
		}
	}
	return nil
}

func (c *TimedColumn[V]) end(s Slot) {
	c.Clear(s)
	c.store.counts.Expired++
}
