package keyed

import (
	"encoding/binary"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// core is what a store is to its states, which do not know the type of its keys.
type core struct {
	Config
	clock   clock
	states  []stateTable
	charged int64
	// changed is what the budget knows of unwritten.
	changed int64
	dirtied amount // entries that have become dirty in this epoch
	counts  Counts
	// sequences is how many parts have been numbered.
	sequences uint64
	// time is what time it is, in milliseconds since 1970; expiring are the states that go by it.
	time     int64
	expiring []expiring
	// dropped are states of the tables below that the program does not have, and that no snapshot has deleted yet.
	dropped []uint32
	// visited are slots made to look at what may have expired, which nobody else has asked for.
	visited map[Slot]struct{}
	// alone is set while user code's reads must not give the turn away; kept counts, by slot, who needs all that memory
	// has of its maps; failed are errors that have ended iterations.
	alone  bool
	kept   map[Slot]int
	failed map[Slot]error
	asked  []byte // the key of the last fetch
	// broadcasts are the states that belong to no key, encoded what they have; nil for not known.
	broadcasts []broadcast
	encoded    []byte

	keys    keySpace
	cleared []Slot    // slots that lost state in this epoch
	awaited awaited   // by slot: of cleared, and of waiting
	waiting []reclaim // in the order of freezes
}

// keySpace leads from slots to keys and back.
type keySpace interface {
	// partOf is the slot's key group, as an offset into the store's groups.
	partOf(s Slot) int
	// view returns a function that appends the encoded key of a slot, for use by another goroutine
	// while the slots of the frozen epoch stay as they are.
	view() func(dst []byte, s Slot) []byte
	// toucher returns one of the keys of slots, likewise.
	toucher() toucher
	// resolve finds or creates the slot of the key that begins encoded, and returns what follows it. Nothing is
	// known of the other state of a slot that it creates, until bring.
	resolve(encoded []byte) (Slot, []byte, error)
	// bring reads the values of the slots that resolve has created.
	bring() error
	Len() int
	// partial reports whether keys of the slot's part may be below and not in memory.
	partial(s Slot) bool
	// charge brings the budget up to date.
	charge()
	// busy reports whether a slot must stay where it is, with all that it has in memory.
	busy(s Slot) bool
	// missed begins to read the values of the slots that resolve has created; nil if there are none.
	missed() *Ahead
	// owners is the key group of each page of slots, for use by another goroutine.
	owners() []uint16
}

// stateTable is a state, seen by the store.
type stateTable interface {
	info() StateInfo
	// has reports whether the slot has anything in the state, tombstones not yet written included.
	has(s Slot) bool
	// clean reports whether evict would lose nothing, and can be done.
	clean(s Slot) bool
	evict(s Slot)
	// vacate says that the slot is going to be another key's.
	vacate(s Slot)
	bytes() int64
	freeze() frozenState
	// accept prepares for values that were written under other schemas.
	accept(older []string) error
	// reclaim gives back entries whose tombstones have been written.
	reclaim()
}

// add puts a state into the store.
func (c *core) add(t stateTable) error {
	for _, o := range c.states {
		if o.info().Name == t.info().Name {
			return base.Errorf(base.Config, "operator %q: two states are named %q", c.Name, t.info().Name)
		}
		if stateID(o.info().Name) == stateID(t.info().Name) {
			return base.Errorf(base.Config, "operator %q: the names of states %q and %q have the same hash: rename one",
				c.Name, o.info().Name, t.info().Name)
		}
	}
	c.states = append(c.states, t)
	if e, ok := t.(expiring); ok {
		c.expiring = append(c.expiring, e)
	}
	return nil
}

// stateID is the part of a table key that says which state it belongs to.
func stateID(name string) uint32 { return uint32(base.Hash([]byte(name))) }

func (c *core) state(name string) stateTable {
	for _, t := range c.states {
		if t.info().Name == name {
			return t
		}
	}
	return nil
}

// prefixLen is the length of what begins every table key: operator, key group, state.
const prefixLen = 8 + 2 + 4

// prefix appends the beginning of a table key.
func (c *core) prefix(dst []byte, part int, state uint32) []byte {
	dst = binary.BigEndian.AppendUint64(dst, c.Operator)
	dst = binary.BigEndian.AppendUint16(dst, uint16(c.Groups.Start)+uint16(part))
	return binary.BigEndian.AppendUint32(dst, state)
}
