package operator

import (
	"context"
	"fmt"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// NewHasher returns the function that fills in the hashes of a batch's keys. The key's type must have an
// order-preserving encoding.
func NewHasher[K comparable, T any](key func(*T) K) (func(*flow.Batch[T]), error) {
	codec, err := record.NewKeyCodec[K]()
	if err != nil {
		return nil, err
	}
	return func(b *flow.Batch[T]) {
		keys := make([]K, 0, 64)
		b.Hashes = b.Hashes[:0]
		var hashes [64]uint64
		for i := 0; i < len(b.Rows); i += len(keys) {
			keys = keys[:0]
			for j := i; j < min(i+64, len(b.Rows)); j++ {
				keys = append(keys, key(&b.Rows[j]))
			}
			codec.Hash(keys, hashes[:len(keys)])
			b.Hashes = append(b.Hashes, hashes[:len(keys)]...)
		}
	}, nil
}

// stateOf is what operators with keyed state have in common: a store, and the tables it is kept in.
type stateOf[K comparable] struct {
	env   *Env
	store *keyed.Store[K]
	keys  []K
	slots []keyed.Slot

	mu         sync.Mutex
	chain      []checkpoint.Table // what makes up the state as last persisted
	mixed      bool               // the chain does not, without the ranges it was restored with
	generation int                // counts releases; a snapshot taken before one must not be persisted after it
	valid      int                // the least generation that may be persisted
	released   []*keyed.Frozen    // to be given back to the store
}

const (
	// A chain of tables is replaced by new ones with the whole state when it is longer than this,
	maxChain = 64
	// or when it has several times the entries of the state,
	maxGrowth = 3
	// and more than this, so that a small state is not written again and again.
	minChainEntries = 1 << 20
)

func newStateOf[K comparable](env *Env) (*stateOf[K], error) {
	store, err := keyed.NewStore[K](keyed.Config{
		Operator: base.Hash([]byte(env.UID)), Name: env.Name, MaxParallelism: env.MaxParallelism,
		Groups: env.Groups, Budget: env.Budget,
	})
	if err != nil {
		return nil, fmt.Errorf("operator %q: %w", env.Name, err)
	}
	return &stateOf[K]{env: env, store: store}, nil
}

// restore reads back the tables of the checkpoint, when all states have been declared.
func (s *stateOf[K]) restore() error {
	r := s.env.Restored
	if r == nil {
		return nil
	}
	if err := s.store.SetWriterSchemas(r.Key, stateInfos(r.States)); err != nil {
		return err
	}
	for _, t := range r.Tables {
		if err := s.readTable(t); err != nil {
			return fmt.Errorf("operator %q: restore: %w", s.env.Name, err)
		}
		s.chain = append(s.chain, t.Table)
	}
	// The tables of several old subtasks may tell different things of one key, depending on the groups for
	// which each is read. A list that is read whole cannot say that, so it is replaced at the next snapshot.
	s.mixed = len(r.Watermarks) > 1
	s.count()
	return s.store.Restored()
}

// readTable applies the part of a table that its writer had written for the key groups of this subtask.
func (s *stateOf[K]) readTable(t checkpoint.RangeTable) (err error) {
	defer s.env.rescue(&err, func() (any, int64) { return nil, flow.NoTime })
	visit := func(change lsm.Change, key, value []byte) error {
		if group, ok := keyed.GroupOf(key); ok && !t.Range.Contains(group) {
			return nil // another subtask had taken these groups over, and its own tables tell what became of them
		}
		return s.store.Restore(change, key, value)
	}
	return lsm.ReadTable(s.env.Context, s.env.Objects, tableInfo(t.Table), visit)
}

func stateInfos(states []checkpoint.State) []keyed.StateInfo {
	var all []keyed.StateInfo
	for _, st := range states {
		all = append(all, keyed.StateInfo(st))
	}
	return all
}

// describe returns the schemas of the key and of the states declared.
func (s *stateOf[K]) describe() (key string, states []checkpoint.State, err error) {
	for _, st := range s.store.States() {
		states = append(states, checkpoint.State(st))
	}
	return s.store.KeySchema(), states, nil
}

// lookup finds the slots of a batch's keys, creating those that are new.
func lookup[K comparable, T any](s *stateOf[K], b *flow.Batch[T], key func(*T) K) error {
	s.keys = s.keys[:0]
	for i := range b.Rows {
		s.keys = append(s.keys, key(&b.Rows[i]))
	}
	if cap(s.slots) < len(s.keys) {
		s.slots = make([]keyed.Slot, len(s.keys))
	}
	s.slots = s.slots[:len(s.keys)]
	return s.store.Lookup(s.keys, b.Hashes, s.slots)
}

func (s *stateOf[K]) count() {
	s.env.Stats.StateBytes.Store(s.store.Bytes())
	s.env.Stats.Keys.Store(int64(s.store.Len()))
}

// freeze ends the epoch at a barrier.
func (s *stateOf[K]) freeze(id uint64) StateSnapshot {
	s.count()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.released) > 0 {
		for _, f := range s.released {
			f.Release()
		}
		s.released = nil
		s.generation++
	}
	full := s.mixed || s.chainIsLong()
	if full {
		s.store.NextFull()
	}
	return &frozenState[K]{owner: s, frozen: s.store.Freeze(id), epoch: id, full: full, generation: s.generation}
}

func (s *stateOf[K]) chainIsLong() bool {
	var entries int64
	for _, t := range s.chain {
		entries += t.Entries
	}
	return len(s.chain) > maxChain || entries > max(minChainEntries, maxGrowth*s.store.Entries())
}

// frozenState is one epoch's changes on their way into tables.
type frozenState[K comparable] struct {
	owner      *stateOf[K]
	frozen     *keyed.Frozen
	epoch      uint64
	full       bool
	generation int
}

// Persist implements StateSnapshot. When it fails, the changes go back to the store, and so do those of
// every later snapshot taken before that: none of them would be complete.
func (f *frozenState[K]) Persist(ctx context.Context) ([]checkpoint.Table, error) {
	s := f.owner
	tables, err := f.write(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.valid = f.generation + 1
		s.released = append(s.released, f.frozen)
		return nil, err
	}
	f.frozen.Done()
	if f.full {
		for _, t := range s.chain {
			s.env.Live.Drop(t.Name)
		}
		s.chain, s.mixed = nil, false
	}
	s.chain = append(s.chain, tables...)
	return append([]checkpoint.Table(nil), s.chain...), nil
}

func (f *frozenState[K]) write(ctx context.Context) ([]checkpoint.Table, error) {
	s := f.owner
	s.mu.Lock()
	stale := f.generation < s.valid
	s.mu.Unlock()
	if stale {
		return nil, fmt.Errorf("an earlier snapshot of the state could not be written")
	}
	set := lsm.NewTableSet(ctx, s.env.Objects, func() string {
		name := s.env.NewTable()
		s.env.Live.Add(name)
		return name
	})
	if err := f.encode(set); err != nil {
		set.Abort()
		return nil, err
	}
	infos, err := set.Finish()
	if err != nil {
		return nil, err
	}
	tables := make([]checkpoint.Table, 0, len(infos))
	for _, i := range infos {
		tables = append(tables, checkpoint.Table{
			Name: i.Name, Bytes: i.Bytes, Entries: i.Entries, CRC: i.CRC, Epoch: f.epoch,
		})
	}
	return tables, nil
}

// encode writes the changes, in which the codecs of the user's types take part.
func (f *frozenState[K]) encode(set *lsm.TableSet) (err error) {
	defer f.owner.env.rescue(&err, func() (any, int64) { return nil, flow.NoTime })
	return f.frozen.WriteTo(set)
}

func tableInfo(t checkpoint.Table) lsm.TableInfo {
	return lsm.TableInfo{Name: t.Name, Bytes: t.Bytes, Entries: t.Entries, CRC: t.CRC}
}
