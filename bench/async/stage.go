package async

import (
	"context"
	"errors"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// setting is how an operator is run.
type setting struct {
	latency  time.Duration
	inFlight int // rows; 0 for as many as suit the operator
	relaxed  bool
	memory   int64       // bytes for state; 0 for no bound
	below    keyed.Below // instead of tables
}

const (
	// readers is how many reads a process may have under way.
	readers = 1024
	// blockBytes is enough for indexes and filters, and too little for what lies below.
	blockBytes = 4 << 20
	// maxDirty are the changes that are written out, in bytes, where memory is bounded.
	maxDirty = 64 << 20
)

// stage is an operator that is driven as a task does it. It belongs to one goroutine.
type stage struct {
	operator.Receiver[row]
	op     operator.Operator
	flying operator.Flying // nil for an operator that has nothing in flight
	env    *operator.Env
	hash   func(*flow.Batch[row])
	pool   operator.Pool[row]
	far    *measure.Far
	res    *lsm.Resources
	shard  *lsm.Shard
	writer *writer
	end    context.CancelCauseFunc
	fed    int64 // rows
}

// filler adds rows to a batch, as many as it has; none if it has no more.
type filler func(b *flow.Batch[row])

// open returns an operator that goes on from what has been laid. Reads do not take longer yet.
func (g *ground) open(ctx context.Context, set setting) (s *stage, err error) {
	s = &stage{far: &measure.Far{}, pool: operator.PoolOf[row]()}
	ctx, s.end = context.WithCancelCause(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.hash, err = operator.NewHasher(keyOf); err != nil {
		return s, err
	}
	if s.res, err = lsm.NewResources(measure.Remote{Store: g.store, Far: s.far}, blockBytes, readers, 1); err != nil {
		return s, err
	}
	restored, lists := g.restored()
	if set.below != nil && restored != nil {
		restored.Shards = []checkpoint.Shard{{Range: allGroups}} // something is below
	}
	if s.shard, err = lsm.OpenShard(ctx, s.res, g.name(), tableKeys(allGroups), lists...); err != nil {
		return s, err
	}
	if err = s.shard.Warm(ctx); err != nil {
		return s, err
	}
	s.writer = startWriter(ctx, s.end, g, s.shard)
	s.env = g.environment(ctx, set, s, restored)
	return s, s.begin(g, set)
}

// begin makes the operator.
func (s *stage) begin(g *ground, set setting) (err error) {
	op, err := g.build(s.env)
	if err != nil {
		return err
	}
	s.op, s.Receiver = op, op.(operator.Receiver[row])
	s.flying, _ = op.(operator.Flying)
	if err := op.Open(); err != nil {
		return err
	}
	s.far.Delay(set.latency)
	return nil
}

func (g *ground) environment(ctx context.Context, set setting, s *stage, r *operator.Restored) *operator.Env {
	env := &operator.Env{
		Context: ctx, UID: uid, Name: uid, Parallelism: 1, MaxParallelism: groups, Groups: allGroups,
		Restored: r, Budget: keyed.NewBudget(set.memory), Below: set.below, WriteOut: s.writer.later,
		Barrier: func() time.Time { return time.Time{} }, InFlight: set.inFlight, Relaxed: set.relaxed,
		Stats: &operator.Stats{},
	}
	if set.below == nil {
		env.Below, env.Crowded = tables{s.shard}, s.res.Crowded
	}
	if set.memory > 0 {
		env.MaxDirty = maxDirty
	}
	return env
}

// feed gives the operator a batch as soon as it has room for one. It reports whether there was one.
func (s *stage) feed(fill filler) (more bool, err error) {
	b := s.pool.Get()
	fill(b)
	if len(b.Rows) == 0 {
		s.pool.Put(b)
		return false, nil
	}
	if err := s.room(); err != nil {
		return false, err
	}
	s.fed += int64(len(b.Rows))
	s.hash(b)
	if err := s.Batch(b); err != nil {
		return false, err
	}
	return true, s.resume()
}

// room waits until the operator may be given more.
func (s *stage) room() error {
	for s.flying != nil && s.flying.Full() {
		if err := s.wait(); err != nil {
			return err
		}
	}
	return nil
}

// mark sends a watermark as soon as the operator has room.
func (s *stage) mark(t int64) error {
	if err := s.room(); err != nil {
		return err
	}
	if err := s.Watermark(t); err != nil {
		return err
	}
	return s.resume()
}

// resume goes on with what is in flight, if anything is.
func (s *stage) resume() error {
	if s.flying == nil || !s.flying.Waits() {
		return nil
	}
	return s.flying.Resume()
}

// wait waits until something that was read has come, and goes on.
func (s *stage) wait() error {
	select {
	case <-s.flying.Wake():
		return s.flying.Resume()
	case <-s.env.Context.Done():
		return context.Cause(s.env.Context)
	}
}

// settle waits until nothing is in flight.
func (s *stage) settle() error {
	for s.flying != nil && (s.flying.Waits() || s.flying.Full()) {
		if err := s.wait(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the operator and what is below.
func (s *stage) close() (err error) {
	s.end(nil)
	if s.op != nil {
		err = s.op.Close()
	}
	if s.writer != nil {
		s.writer.close()
	}
	if s.shard != nil {
		err = errors.Join(err, s.shard.Close())
	}
	if s.res != nil {
		s.res.Close()
	}
	return err
}
