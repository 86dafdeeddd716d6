package operator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
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

// stateOf is what operators with keyed state have in common: a store.
type stateOf[K comparable] struct {
	env   *Env
	store *keyed.Store[K]
	keys  []K
	slots []keyed.Slot
	early *snapshot[K] // the last snapshot that was taken early
	pace  *earlyPace
	aging aging
	below *waiting
	// ctx ends reads: with the task, or before that with the operator.
	ctx    context.Context
	cancel context.CancelFunc

	mu         sync.Mutex
	generation int             // counts releases; a snapshot taken before one must not be written after it
	valid      int             // the least generation that may be written
	released   []*keyed.Frozen // to be given back to the store
}

func newStateOf[K comparable](env *Env) (*stateOf[K], error) {
	below := &waiting{Below: env.Below}
	ctx, cancel := context.WithCancel(env.Context)
	config := keyed.Config{
		Operator: OperatorHash(env.UID), Name: env.Name, MaxParallelism: env.MaxParallelism,
		Groups: env.Groups, Budget: env.Budget, Context: ctx, Below: below,
	}
	if r := env.Restored; r != nil {
		config.Restored, config.Checkpoint = len(r.Shards) > 0, r.Checkpoint
	}
	store, err := keyed.NewStore[K](config)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("operator %q: %w", env.Name, err)
	}
	return &stateOf[K]{
		env: env, store: store, pace: newEarlyPace(env.Barrier), below: below, ctx: ctx, cancel: cancel,
	}, nil
}

// OperatorHash is what the table keys of an operator's state begin with.
func OperatorHash(uid string) uint64 { return base.Hash([]byte(uid)) }

// restore prepares for what lies below, when all states have been declared.
func (s *stateOf[K]) restore() error {
	r := s.env.Restored
	if r == nil {
		return nil
	}
	if err := s.store.SetWriterSchemas(r.Key, stateInfos(r.States)); err != nil {
		return err
	}
	return s.store.RestoreBroadcasts(r.Broadcasts)
}

// broadcasts is what a snapshot has of broadcast state. One subtask's is that of all: none has seen rows that others have
// not.
func (s *stateOf[K]) broadcasts() []byte {
	if s.env.Subtask > 0 {
		return nil
	}
	return s.store.Broadcasts()
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

// find finds the slots of a batch's keys, creating those that are new. What is missing comes with the grouped read that
// it returns, if any.
func find[K comparable, T any](
	s *stateOf[K], b *flow.Batch[T], key func(*T) K, slots []keyed.Slot,
) (*keyed.Ahead, error) {
	if err := s.between(); err != nil {
		return nil, err
	}
	keysOf(s, b, key)
	return s.store.Find(s.keys, b.Hashes, slots), nil
}

// between is what there is to do between batches.
func (s *stateOf[K]) between() error {
	if err := s.writeEarly(); err != nil {
		return err
	}
	return s.age()
}

// keysOf extracts the keys of a batch.
func keysOf[K comparable, T any](s *stateOf[K], b *flow.Batch[T], key func(*T) K) {
	s.keys = s.keys[:0]
	for i := range b.Rows {
		s.keys = append(s.keys, key(&b.Rows[i]))
	}
}

// count tells how the state is doing, once a batch.
func (s *stateOf[K]) count() {
	stats, counts := s.env.Stats, s.store.Counts()
	stats.StateBytes.Store(s.store.Bytes())
	stats.DirtyBytes.Store(s.store.Dirty())
	stats.Keys.Store(int64(s.store.Len()))
	stats.Lookups.Store(counts.Lookups)
	stats.Missed.Store(counts.Missed)
	stats.Absent.Store(counts.Absent)
	stats.Scans.Store(counts.Scans)
	stats.Evicted.Store(counts.Evicted)
	stats.Expired.Store(counts.Expired)
	s.below.tell(stats)
}

// writeEarly begins to write out what has changed when that is much, or when the barrier is near, so that the length of
// a checkpoint does not grow with its interval. While the write before it is under way, more gathers. Where memory is
// bounded that must end: the task waits, and this is how a store that is slow or down holds up the job.
func (s *stateOf[K]) writeEarly() error {
	dirty, most := s.store.Dirty(), min(s.env.MaxDirty, s.store.DirtyShare())
	if most <= 0 || dirty < most && !s.store.Pressed() && (dirty < earlyBytes || !s.pace.due(time.Now(), dirty)) {
		return nil
	}
	if s.early != nil {
		select {
		case <-s.early.over:
		default:
			if !s.env.Budget.Limited() || dirty < 2*most {
				return nil
			}
		}
		defer s.below.wait()()
		select {
		case <-s.early.over:
		case <-s.env.Context.Done():
			return context.Cause(s.env.Context)
		}
	}
	s.store.Relieve()
	s.early = s.take()
	s.env.WriteOut(s.early)
	return nil
}

// freeze ends the epoch at a barrier.
func (s *stateOf[K]) freeze() StateSnapshot {
	s.count()
	begin := time.Now()
	snapshot := s.take()
	s.env.Stats.froze(time.Since(begin))
	return snapshot
}

// take freezes what has changed, and what could not be written before.
func (s *stateOf[K]) take() *snapshot[K] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.released) > 0 {
		for _, f := range s.released {
			f.Release()
		}
		s.released = nil
		s.generation++
	}
	f := &snapshot[K]{
		owner: s, generation: s.generation, taken: time.Now(), dirty: s.store.Dirty(), over: make(chan struct{}),
	}
	f.Frozen = s.store.Freeze()
	s.pace.took(f.taken)
	return f
}

// snapshot is what has changed, on its way into tables.
type snapshot[K comparable] struct {
	*keyed.Frozen
	owner      *stateOf[K]
	generation int
	taken      time.Time
	dirty      int64         // about how many bytes
	over       chan struct{} // closed by Written and by Failed
}

// WriteTo implements StateSnapshot. The codecs of the user's types take part.
func (f *snapshot[K]) WriteTo(w keyed.Writer) (err error) {
	s := f.owner
	s.mu.Lock()
	stale := f.generation < s.valid
	s.mu.Unlock()
	if stale {
		return fmt.Errorf("operator %q: an earlier snapshot of the state could not be written", s.env.Name)
	}
	defer s.env.rescue(&err, func() (any, int64) { return nil, flow.NoTime })
	return f.Frozen.WriteTo(w)
}

// Written implements StateSnapshot.
func (f *snapshot[K]) Written() {
	f.Done()
	f.owner.pace.wrote(f.dirty, time.Since(f.taken))
	close(f.over)
}

// Failed implements StateSnapshot: the changes go back to the store, and so do those of every later snapshot taken
// before that: none of them would be complete.
func (f *snapshot[K]) Failed() {
	s := f.owner
	s.mu.Lock()
	s.valid = f.generation + 1
	s.released = append(s.released, f.Frozen)
	s.mu.Unlock()
	close(f.over)
}
