package keyed

import (
	"bytes"
	"context"
	"math"

	"github.com/aquifer-stream/aquifer/internal/base"
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
	// Context ends reads of what is not in memory.
	Context context.Context
	// Below is where what is not in memory is read from. Restored says that it has something already.
	Below    Below
	Restored bool
	// Yielding, unless it is nil, is what user code reads through what is asked of maps, lists and sums. Its calls may
	// let other records use the store before they return; those of Below do not.
	Yielding Yielding
	// Checkpoint is the number of the checkpoint that Below comes from; zero for none.
	Checkpoint uint64
}

// Below are the tables that hold what has been written and, when memory is short, is not in it any longer. They may be
// used by several goroutines at once: what is read ahead is read together.
type Below interface {
	// Read looks for keys, which are in ascending order and distinct, and calls found for each that is there, in
	// any order but not concurrently. The value is valid during the call.
	Read(ctx context.Context, keys [][]byte, found func(i int, value []byte) error) error
	// Scan visits the entries from start to before end in the order of their keys, until visit fails. The slices
	// are valid during the call.
	Scan(ctx context.Context, start, end []byte, visit func(key, value []byte) error) error
}

// Get looks for one key. The value is the caller's.
func Get(ctx context.Context, below Below, key []byte) (value []byte, there bool, err error) {
	err = below.Read(ctx, [][]byte{key}, func(_ int, v []byte) error {
		value, there = bytes.Clone(v), true
		return nil
	})
	return value, there, err
}

// Yielding reads from the tables below and gives the turn away meanwhile: then other records may do with the store, its
// snapshots included, whatever they like, but for those of the key that the call is for: they wait, and the key's slot
// is held. All that may come to that slot meanwhile is a Take.
type Yielding interface {
	// Get looks for a key that nobody else looks for, and does not keep it. The value is valid until the turn is given
	// away again.
	Get(key []byte) (value []byte, there bool, err error)
	// Yield calls read once, on any goroutine, and returns when it has. What it reads with does not give the turn
	// away.
	Yield(read func(below Below) error) error
}

// StateInfo describes a state.
type StateInfo struct {
	// Name is the state's identity within the operator, Kind one of value, map, list, sum, panes, timers and broadcast.
	Name, Kind string
	// Schema is that of its values, behind that of what else it is keyed by.
	Schema string
	// Older are those that values below may still have: a value begins with the place of its own among these, the
	// newest last.
	Older []string
}

// Registry is a store that states can be added to. It is implemented by Store alone.
type Registry interface{ registry() *core }

// Store is the keyed state of one subtask of an operator: a directory from key to slot, and states by slot.
// It belongs to one goroutine at a time; only a Frozen may be used by another.
type Store[K comparable] struct {
	core
	dir   directory[K]
	codec *record.KeyCodec[K]
	// Vacated counts the slots that keys have left.
	Vacated uint64
	// filtering says whether each part has a filter of the keys that are below and not in memory; all take so many bytes.
	filtering  filtering
	remembered int64
	census     census
	// fresh are the slots that the last Lookup created: its records may have left them without state.
	fresh []Slot
	// shedding is when shed found too little to forget: there is no point in another try before more is written.
	shedding uint64
	missing  []Slot // of the batch at hand: created, but their state has to be looked for below
	reads    reads
	words    []uint64
	absent   []int     // places in the batch at hand of keys that the first look has not found
	strings  []uintptr // offsets of strings in K
	foreseen foreseen[K]
}

// foreseen are keys of a page that are about to be evicted.
type foreseen[K comparable] struct {
	keys   []K
	hashes [pageLen]uint64 // by slot
	// touched keeps the compiler from leaving out loads whose values nobody needs.
	touched uint64
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
	if cfg.Budget != nil {
		cfg.Budget.stores.Add(1)
	}
	s.keys = s
	if cfg.Restored {
		s.filtering = counting
	}
	s.dir.restrict(&s.core, s.heavy, s.makeRoom)
	s.dir.foresee = s.foresee
	return s, nil
}

func (s *Store[K]) registry() *core { return &s.core }

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

func (s *Store[K]) partial(slot Slot) bool {
	return s.dir.parts[s.dir.partOf(slot)].partial && !s.dir.marks[slot>>pageBits].alone.has(slot)
}

func (s *Store[K]) view() func([]byte, Slot) []byte {
	keys, codec := s.dir.keys, s.codec
	return func(dst []byte, slot Slot) []byte {
		return codec.Append(dst, &keys[slot>>pageBits][slot&pageMask])
	}
}

func (s *Store[K]) toucher() toucher { return touchPages(s.dir.keys) }

// Lookup finds the slot of each key of a batch and creates those that are not there. The keys must belong to
// the store's groups. It probes in passes of independent loads, so that the waits for memory overlap. A key
// that gets no state before the next Lookup loses its slot again.
func (s *Store[K]) Lookup(keys []K, hashes []uint64, slots []Slot) error {
	s.probe(keys, hashes, slots)
	err := s.bring()
	s.charge()
	s.shed()
	return err
}

// probe finds or creates the slots of a batch's keys, and leaves those whose state has to be looked for in missing.
func (s *Store[K]) probe(keys []K, hashes []uint64, slots []Slot) {
	s.tidy()
	fresh, missing := len(s.fresh), len(s.missing)
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
	s.absent = s.absent[:0]
	for i, w := range words {
		slots[i] = NoSlot
		if slot := Slot(uint32(w)) - 1; w != 0 && *s.dir.key(slot) == keys[i] {
			slots[i] = slot
		} else {
			s.absent = append(s.absent, i)
		}
	}
	s.dir.hold(slots[:len(keys)])
	for _, i := range s.absent {
		if s.remembered == 0 {
			break // there are no filters
		}
		s.foreseen.touched += s.dir.parts[s.part(hashes[i])].evicted.touch(hashes[i])
	}
	for _, i := range s.absent {
		if words[i] = 0; s.below(hashes[i]) {
			words[i] = 1
		}
	}
	for _, i := range s.absent {
		slots[i] = s.admit(keys[i], hashes[i], words[i] != 0)
	}
	s.lookedUp(len(keys), len(s.fresh)-fresh, len(s.missing)-missing)
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

// Parts is the number of key groups.
func (s *Store[K]) Parts() int { return s.Groups.Len() }

// Bytes is the memory that the store takes.
func (s *Store[K]) Bytes() int64 {
	total := s.dir.bytes + s.remembered
	for _, t := range s.states {
		total += t.bytes()
	}
	return total + int64(4*len(s.awaited))
}

// Each is about how much of that a key takes, with all that it has.
func (s *Store[K]) Each() int64 { return s.Bytes() / int64(max(1, s.Len())) }

// Dirty is about the memory, in bytes, that changes of this epoch take which no snapshot has yet.
func (s *Store[K]) Dirty() int64 { return s.dirtied.bytes }

// unwritten is about the memory, in bytes, that changes take which the tables below do not have yet.
func (c *core) unwritten() int64 {
	bytes := c.dirtied.bytes
	for _, w := range c.waiting {
		bytes += w.frozen.dirtied.bytes
	}
	return bytes
}

// DirtyShare is how many bytes of changes the store may have before it writes them out: they cannot be forgotten, and
// all together should not take more than a quarter of the limit, or half of it while they are being written. A store
// has its part of that, and what the others do not need.
func (s *Store[K]) DirtyShare() int64 {
	if !s.Budget.Limited() {
		return math.MaxInt64
	}
	others := s.Budget.changed.Load() - s.changed
	return max(s.Budget.quarter(leastDirty), s.Budget.Limit()/4-others)
}

// charge brings the budget up to date.
func (s *Store[K]) charge() {
	if s.Budget != nil {
		s.take(s.Bytes(), s.unwritten())
	}
}

// take changes what the store has of the budget.
func (s *Store[K]) take(bytes, changed int64) {
	s.Budget.used.Add(bytes - s.charged)
	s.Budget.changed.Add(changed - s.changed)
	s.charged, s.changed = bytes, changed
}

// Close gives the store's memory back to the budget. It is called once.
func (s *Store[K]) Close() {
	if s.Budget != nil {
		s.Budget.stores.Add(-1)
		s.take(0, 0)
	}
}

func (s *Store[K]) owners() []uint16 { return s.dir.owner }
