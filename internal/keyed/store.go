package keyed

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// Config is the place of a store.
type Config struct {
	// Operator is the hash of the operator's uid, the first part of every table key; Name is for messages.
	Operator uint64
	Name     string
	// MaxParallelism is the job's number of key groups, Groups the store's part of them.
	MaxParallelism int
	Groups         base.KeyGroupRange
	// Budget is charged with the store's memory; nil for none.
	Budget *Budget
}

// Budget is an account of the bytes that stores take. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget with a limit in bytes; zero for none.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used is the number of bytes taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// StateInfo describes a state.
type StateInfo struct {
	// Name is the state's identity within the operator, Kind one of value, map, panes and timers.
	Name, Kind string
	// Schema is that of its values, behind that of what else it is keyed by.
	Schema string
}

// Registry is a store that states can be added to. It is implemented by Store alone.
type Registry interface{ registry() *core }

// Store is the keyed state of one subtask of an operator: a directory from key to slot, and states by slot.
// It belongs to one goroutine at a time; only a Frozen may be used by another.
type Store[K comparable] struct {
	core
	dir   directory[K]
	codec *record.KeyCodec[K]
	// fresh are the slots that the last Lookup created: its records may have left them without state.
	fresh   []Slot
	words   []uint64
	strings []uintptr // offsets of strings in K
}

// core is what a store is to its states, which do not know the type of its keys.
type core struct {
	Config
	clock   clock
	states  []stateTable
	full    bool
	charged int64
	writers map[string]StateInfo // as the states were written, by name; nil before SetWriterSchemas

	keys    keySpace
	cleared []Slot    // slots that lost state in this epoch
	waiting []reclaim // in the order of freezes
}

// keySpace leads from slots to keys and back.
type keySpace interface {
	// partOf is the slot's key group, as an offset into the store's groups.
	partOf(s Slot) int
	// view returns a function that appends the encoded key of a slot, for use by another goroutine
	// while the slots of the frozen epoch stay as they are.
	view() func(dst []byte, s Slot) []byte
	// resolve finds or creates the slot of the key that begins encoded, and returns what follows it.
	resolve(encoded []byte) (Slot, []byte, error)
	// owners is the key group of each page of slots, for use by another goroutine.
	owners() []uint16
}

// reclaim are slots to be looked at again when the tombstones of their keys have been written.
type reclaim struct {
	frozen *Frozen
	slots  []Slot
}

// stateTable is a state, seen by the store.
type stateTable interface {
	info() StateInfo
	// has reports whether the slot has anything in the state, tombstones not yet written included.
	has(s Slot) bool
	bytes() int64
	// entriesOf is at most the number of its entries, in a store of so many keys.
	entriesOf(keys int) int
	freeze(full bool) frozenState
	// accept prepares for values that were written under another schema.
	accept(writer StateInfo) error
	// set, remove and removeRange apply an entry of a table; rest is what follows the prefix of its key.
	set(rest, value []byte) error
	remove(rest []byte) error
	removeRange(part int, start []byte) error
	// reclaim gives back entries whose tombstones have been written.
	reclaim()
}

// NewStore returns an empty store.
func NewStore[K comparable](cfg Config) (*Store[K], error) {
	codec, err := record.NewKeyCodec[K]()
	if err != nil {
		return nil, base.Errorf(base.Config, "%w", err)
	}
	s := &Store[K]{
		core: core{Config: cfg, clock: clock{now: 1}}, dir: newDirectory[K](cfg.Groups.Len()), codec: codec,
		strings: record.LayoutOf[K]().Strings,
	}
	s.keys = s
	return s, nil
}

func (s *Store[K]) registry() *core { return &s.core }

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
	return nil
}

// stateID is the part of a table key that says which state it belongs to.
func stateID(name string) uint32 { return uint32(base.Hash([]byte(name))) }

// Hash is the hash of a key.
func (s *Store[K]) Hash(k K) uint64 { return s.hash(k) }

func (s *Store[K]) hash(k K) uint64 {
	var one [1]uint64
	s.codec.Hash([]K{k}, one[:])
	return one[0]
}

func (s *Store[K]) part(hash uint64) int {
	return int(base.KeyGroupOf(hash, s.MaxParallelism) - s.Groups.Start)
}

func (s *Store[K]) partOf(slot Slot) int { return s.dir.partOf(slot) }

func (s *Store[K]) view() func([]byte, Slot) []byte {
	keys, codec := s.dir.keys, s.codec
	return func(dst []byte, slot Slot) []byte {
		return codec.Append(dst, &keys[slot>>pageBits][slot&pageMask])
	}
}

func (s *Store[K]) resolve(encoded []byte) (Slot, []byte, error) {
	key, rest, err := s.codec.Decode(encoded)
	if err != nil {
		return 0, nil, err
	}
	return s.create(key, s.hash(key)), rest, nil
}

func (s *Store[K]) create(key K, hash uint64) Slot {
	p := s.part(hash)
	if slot, ok := s.dir.find(p, hash, &key); ok {
		return slot
	}
	if len(s.strings) > 0 {
		keepStrings(unsafe.Pointer(&key), s.strings)
	}
	return s.dir.insert(p, hash, key, s.hash)
}

// Lookup finds the slot of each key of a batch and creates those that are not there. The keys must belong to
// the store's groups. It probes in passes of independent loads, so that the waits for memory overlap. A key
// that gets no state before the next Lookup loses its slot again.
func (s *Store[K]) Lookup(keys []K, hashes []uint64, slots []Slot) error {
	s.tidy()
	if len(s.words) < len(keys) {
		s.words = make([]uint64, len(keys))
	}
	words := s.words[:len(keys)]
	for i, h := range hashes {
		words[i] = 0
		if w := s.dir.parts[s.part(h)].words; len(w) > 0 {
			words[i] = w[h&uint64(len(w)-1)]
		}
	}
	for i, w := range words {
		if h := hashes[i]; uint32(w>>32) != tagOf(h) {
			words[i] = s.dir.parts[s.part(h)].candidate(h)
		}
	}
	for i, w := range words {
		slots[i] = NoSlot
		if slot := Slot(uint32(w)) - 1; w != 0 && *s.dir.key(slot) == keys[i] {
			slots[i] = slot
		}
	}
	for i, slot := range slots[:len(keys)] {
		if slot == NoSlot {
			before := s.dir.used
			slots[i] = s.create(keys[i], hashes[i])
			if s.dir.used > before {
				s.fresh = append(s.fresh, slots[i])
			}
		}
	}
	return s.charge()
}

// NoSlot is the slot of no key.
const NoSlot = ^Slot(0)

// Touch reads from all value states of many slots, so that the waits for memory overlap.
func (s *Store[K]) Touch(slots []Slot) {
	for _, t := range s.states {
		if v, ok := t.(interface{ Touch([]Slot) }); ok {
			v.Touch(slots)
		}
	}
}

// Key returns the key of a slot. It is valid, and must not be changed, while the slot is in use.
func (s *Store[K]) Key(slot Slot) *K { return s.dir.key(slot) }

// Len is the number of keys.
func (s *Store[K]) Len() int { return s.dir.used }

// Entries is at most how many entries the states have: a value state counts as having one for each key.
func (s *Store[K]) Entries() (n int64) {
	for _, t := range s.states {
		n += int64(t.entriesOf(s.dir.used))
	}
	return n
}

// Bytes is the memory that the store takes.
func (s *Store[K]) Bytes() int64 {
	total := s.dir.bytes
	for _, t := range s.states {
		total += t.bytes()
	}
	return total
}

// charge brings the budget up to date.
func (s *Store[K]) charge() error {
	if s.Budget == nil {
		return nil
	}
	bytes := s.Bytes()
	used := s.Budget.used.Add(bytes - s.charged)
	s.charged = bytes
	if s.Budget.limit > 0 && used > s.Budget.limit {
		return base.Errorf(base.Config, "operator %q: state takes %d bytes, all operators together %d, which is more than "+
			"the memory of %d bytes that the job may use: give it more (--memory)", s.Name, bytes, used, s.Budget.limit)
	}
	return nil
}

// Close gives the store's memory back to the budget.
func (s *Store[K]) Close() {
	if s.Budget != nil {
		s.Budget.used.Add(-s.charged)
		s.charged = 0
	}
}

// tidy gives back slots without state: those that the last batch created in vain at once, those whose state
// was cleared when the snapshot with their tombstones has been written.
func (s *Store[K]) tidy() {
	for _, slot := range s.fresh {
		s.drop(slot)
	}
	s.fresh = s.fresh[:0]
	for len(s.waiting) > 0 && s.waiting[0].frozen.epoch <= s.clock.written.Load() {
		for _, t := range s.states {
			t.reclaim()
		}
		for _, slot := range s.waiting[0].slots {
			s.drop(slot)
		}
		s.waiting[0].frozen.forget()
		s.waiting = s.waiting[1:]
	}
}

// drop removes a slot's key if no state has anything for it.
func (s *Store[K]) drop(slot Slot) {
	for _, t := range s.states {
		if t.has(slot) {
			return
		}
	}
	key := *s.dir.key(slot)
	hash := s.hash(key)
	if found, ok := s.dir.find(s.dir.partOf(slot), hash, &key); ok && found == slot {
		s.dir.remove(slot, hash, s.hash)
	}
}

// States describes the states, in the order of their declaration; KeySchema the key.
func (s *Store[K]) States() []StateInfo {
	var all []StateInfo
	for _, t := range s.states {
		all = append(all, t.info())
	}
	return all
}

// KeySchema is the schema of the key.
func (s *Store[K]) KeySchema() string { return s.codec.Schema() }

// SetWriterSchemas says what the tables that will be restored were written with. It refuses what this
// program cannot read.
func (s *Store[K]) SetWriterSchemas(key string, states []StateInfo) error {
	if key != s.codec.Schema() {
		return base.Errorf(base.Config, "operator %q: the checkpoint's keys are %s, the program's %s",
			s.Name, key, s.codec.Schema())
	}
	s.writers = map[string]StateInfo{}
	for _, w := range states {
		s.writers[w.Name] = w
		t := s.state(w.Name)
		if t == nil {
			return base.Errorf(base.Config, "operator %q: the checkpoint has a state %q that the program does not: "+
				"declare it, or give the operator another uid to begin without state", s.Name, w.Name)
		}
		if t.info().Kind != w.Kind {
			return base.Errorf(base.Config, "operator %q: state %q is a %s in the checkpoint and a %s in the program",
				s.Name, w.Name, w.Kind, t.info().Kind)
		}
		if err := t.accept(w); err != nil {
			return base.Errorf(base.Config, "operator %q: state %q: %w", s.Name, w.Name, err)
		}
	}
	return nil
}

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

// GroupOf returns the key group of a table key.
func GroupOf(key []byte) (base.KeyGroup, bool) {
	if len(key) < prefixLen {
		return 0, false
	}
	return base.KeyGroup(binary.BigEndian.Uint16(key[8:])), true
}

// Restore applies an entry of a table, oldest table first. value is the end of the range for DeleteRange.
// Entries of other key groups are passed over.
func (s *Store[K]) Restore(change lsm.Change, key, value []byte) error {
	if len(key) < prefixLen {
		return base.Errorf(base.Corrupt, "a table key of %d bytes", len(key))
	}
	group := base.KeyGroup(binary.BigEndian.Uint16(key[8:]))
	if binary.BigEndian.Uint64(key) != s.Operator || !s.Groups.Contains(group) {
		return nil
	}
	id, rest := binary.BigEndian.Uint32(key[10:]), key[prefixLen:]
	for _, t := range s.states {
		if stateID(t.info().Name) == id {
			return apply(t, change, int(group-s.Groups.Start), rest, value)
		}
	}
	return base.Errorf(base.Corrupt, "a table key of an unknown state %08x", id)
}

func apply(t stateTable, change lsm.Change, part int, rest, value []byte) error {
	var err error
	switch change {
	case lsm.Set:
		err = t.set(rest, value)
	case lsm.Delete:
		err = t.remove(rest)
	case lsm.DeleteRange:
		err = t.removeRange(part, rest)
	}
	if err != nil {
		return fmt.Errorf("state %q: %w", t.info().Name, err)
	}
	return nil
}

// Restored ends restoring: what was restored is not a change of this epoch.
func (s *Store[K]) Restored() error {
	s.Freeze(0).Done()
	s.tidy()
	return s.charge()
}

// joinSchemas is the schema of a state that is keyed by more than the key.
func joinSchemas(parts ...string) string { return strings.Join(parts, arrow) }

func (s *Store[K]) owners() []uint16 { return s.dir.owner }

// behindKey returns the schema of the values of a state whose entries are keyed by more than the key. That
// part of its schema cannot change.
func behindKey(schema, key string) (string, error) {
	before, value, ok := strings.Cut(schema, arrow)
	if !ok || before != key {
		return "", fmt.Errorf("its keys are %s in the checkpoint and %s in the program", before, key)
	}
	return value, nil
}

const arrow = " → "
