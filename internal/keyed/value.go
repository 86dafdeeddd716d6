package keyed

// Column is one value for each key.
type Column[V any] struct {
	column[V]
	core *core
	name string
	// touched keeps the compiler from leaving out loads whose values nobody needs.
	touched uint64
}

// NewColumn adds a value state to a store.
func NewColumn[V any](r Registry, name string) (*Column[V], error) {
	core := r.registry()
	values, err := newVersions[V](name)
	if err != nil {
		return nil, err
	}
	c := &Column[V]{column: newColumn(core, values), core: core, name: name}
	return c, core.add(c)
}

// Get returns the value of a slot, and whether it has one.
func (c *Column[V]) Get(s Slot) (v V, ok bool) {
	if i := int(s >> pageBits); i < len(c.pages) {
		if p := c.pages[i].page; p != nil && p.present.has(s) {
			return p.vals[s&pageMask], true
		}
	}
	return v, false
}

// Peek returns the slot's value to be read at once, and whether it has one.
func (c *Column[V]) Peek(s Slot) (*V, bool) {
	if !c.column.has(s) {
		return nil, false
	}
	return &c.at(s).vals[s&pageMask], true
}

// Set gives a slot a value.
func (c *Column[V]) Set(s Slot, v *V) { c.column.set(s, v) }

// Ptr returns the slot's value to be changed at once, a zero value if there was none. Strings that the
// caller puts into it should be its own copies.
func (c *Column[V]) Ptr(s Slot) *V { return c.ref(s) }

// Update changes the slot's value by a function, a zero value if there was none.
func (c *Column[V]) Update(s Slot, fn func(*V)) {
	v := c.ref(s)
	fn(v)
	c.kept(v)
}

// Clear takes the slot's value away.
func (c *Column[V]) Clear(s Slot) {
	if c.column.clear(s) {
		c.core.lost(s)
	}
}

// Touch reads from the pages of many slots, so that the waits for memory overlap.
func (c *Column[V]) Touch(slots []Slot) { c.touched += c.touch(slots) }

// load gives a slot the value that the tables below have for it, which is no change.
func (c *Column[V]) load(s Slot, encoded []byte) error { return c.fill(s, encoded) }

func (c *Column[V]) info() StateInfo {
	return StateInfo{Name: c.name, Kind: "value", Schema: c.values.schema, Older: c.values.older}
}
func (c *Column[V]) has(s Slot) bool   { return c.holds(s) }
func (c *Column[V]) clean(s Slot) bool { return c.column.clean(s) }
func (c *Column[V]) evict(s Slot)      { c.column.evict(s) }
func (c *Column[V]) vacate(Slot)       {}
func (c *Column[V]) weight() (held, pages int64) {
	return c.column.weight(c.core.keys.Len())
}
func (c *Column[V]) bytes() int64 { return c.held(c.core.keys.Len()) }
func (c *Column[V]) reclaim()     {}

func (c *Column[V]) accept(older []string) error { return c.values.accept(older) }

func (c *Column[V]) freeze() frozenState {
	return &frozenColumn[V]{
		frozenPages: c.column.freeze(), id: stateID(c.name), values: c.values,
		appendKey: c.core.keys.view(), touchKeys: c.core.keys.toucher(), owners: c.core.keys.owners(),
	}
}
