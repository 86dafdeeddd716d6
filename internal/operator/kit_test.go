package operator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// event is a row of the tests: a key, a time and a number.
type event struct {
	Key  string
	Time int64
	N    int64
}

func eventKey(e *event) string { return e.Key }

// collector is a Receiver that remembers.
type collector[T any] struct {
	rows       []T
	watermarks []int64
}

func (c *collector[T]) Batch(b *flow.Batch[T]) error {
	c.rows = append(c.rows, b.Rows...)
	return nil
}
func (c *collector[T]) Watermark(t int64) error { c.watermarks = append(c.watermarks, t); return nil }
func (c *collector[T]) Idle(bool) error         { return nil }

// bounds are what an operator may have in memory; zero for no bound.
type bounds struct{ budget, maxDirty int64 }

var (
	roomy = bounds{}
	// tight has no room for anything that the tables below have, and writes out fifty changes.
	tight = bounds{1, 2_400}
)

// rig is an operator over events with its surroundings, or several that share the key groups.
type rig struct {
	bounds
	t      testing.TB
	uid    string
	groups int
	build  func(r *rig, env *Env) (Operator, error)
	plan   *Planned
	store  *mem.Store
	res    *lsm.Resources
	budget *keyed.Budget
	names  int // given out
	parts  []*rigPart
	hash   func(*flow.Batch[event])
	cut    uint64       // the last checkpoint
	told   int          // early snapshots
	found  atomic.Int64 // values that were read from below
}

// rigPart is one operator, and the shard below its state.
type rigPart struct {
	Operator
	Receiver[event]
	env   *Env
	rig   *rig
	shard *lsm.Shard
	keys  lsm.Range
	queue []StateSnapshot // to be written
	left  []channel.Line  // by the last checkpoint
	// firing says that the operator is at a watermark.
	firing bool
}

func newRigOf(
	t testing.TB, b bounds, uid string, groups int, plan *Planned, build func(r *rig, env *Env) (Operator, error),
) *rig {
	t.Helper()
	hash, err := NewHasher(eventKey)
	must(t, err)
	store := mem.New()
	res, err := lsm.NewResources(store, 1<<20, 8, 2)
	must(t, err)
	r := &rig{
		bounds: b, t: t, uid: uid, groups: groups, build: build, plan: plan, hash: hash, store: store, res: res,
		budget: keyed.NewBudget(b.budget),
	}
	t.Cleanup(func() { r.close(); res.Close() })
	r.open(1, nil)
	return r
}

func (r *rig) close() {
	r.t.Helper()
	for _, p := range r.parts {
		must(r.t, errors.Join(p.Close(), p.shard.Close()))
	}
	r.parts = nil
	if n := r.budget.Used(); n != 0 {
		r.t.Errorf("%d bytes are charged for operators that have been closed", n)
	}
}

func (r *rig) name() string { r.names++; return fmt.Sprintf("shards/%d", r.names) }

func (r *rig) keysOf(g base.KeyGroupRange) lsm.Range {
	bound := func(n base.KeyGroup) []byte {
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, OperatorHash(r.uid)), uint16(n))
	}
	return lsm.Range{Start: bound(g.Start), End: bound(g.End)}
}

// open makes operators at a parallelism, from a checkpoint if there is one.
func (r *rig) open(parallelism int, from *checkpoint.Operator) {
	r.t.Helper()
	r.parts = nil
	for s := range parallelism {
		p := &rigPart{rig: r}
		p.env = &Env{
			Context: context.Background(), UID: r.uid, Name: r.uid, Subtask: s, Parallelism: parallelism,
			MaxParallelism: r.groups, Groups: base.RangeOf(s, parallelism, r.groups), Stats: &Stats{},
			Budget: r.budget, Below: p, WriteOut: p.writeOut,
			MaxDirty: r.maxDirty, Barrier: func() time.Time { return time.Time{} },
		}
		p.keys = r.keysOf(p.env.Groups)
		var lists []lsm.List
		if from != nil {
			a := checkpoint.Assign(*from, parallelism, r.groups)[s]
			p.env.Restored = &Restored{Assignment: a, Key: from.Key, States: from.States}
			for _, old := range a.Shards {
				lists = append(lists, lsm.List{Meta: old.Meta, Range: r.keysOf(old.Range), Objects: objects(old.Tables)})
			}
		}
		var err error
		p.shard, err = lsm.OpenShard(context.Background(), r.res, r.name(), p.keys, lists...)
		must(r.t, err)
		op, err := r.build(r, p.env)
		must(r.t, err)
		p.Operator, p.Receiver = op, op.(Receiver[event])
		r.parts = append(r.parts, p)
		must(r.t, op.Open())
	}
}

func objects(tables []checkpoint.Table) (all []lsm.Object) {
	for _, t := range tables {
		all = append(all, lsm.Object(t))
	}
	return all
}

// Read implements keyed.Below, and Scan.
func (p *rigPart) Read(ctx context.Context, keys [][]byte, found func(int, []byte) error) error {
	return p.shard.Read(ctx, keys, func(i int, value []byte) error {
		p.rig.found.Add(1)
		return found(i, value)
	})
}

func (p *rigPart) Scan(ctx context.Context, start, end []byte, visit func(k, v []byte) error) error {
	if end == nil {
		end = p.keys.End
	}
	return p.shard.Scan(ctx, lsm.Range{Start: start, End: end}, func(k, v []byte) error {
		p.rig.found.Add(1)
		return visit(k, v)
	})
}

// settle waits until nothing is in flight.
func (p *rigPart) settle() {
	p.rig.t.Helper()
	f, ok := p.Operator.(Flying)
	if !ok || !f.Waits() {
		return
	}
	_ = p.flush()
	p.firing = true
	defer func() { p.firing = false }()
	for f.Waits() {
		<-f.Wake()
		must(p.rig.t, f.Resume())
	}
}

// makeRoom lets the operator take more.
func (p *rigPart) makeRoom() {
	if f, ok := p.Operator.(Flying); ok && f.Full() {
		p.settle()
	}
}

func (r *rig) settle() {
	r.t.Helper()
	for _, p := range r.parts {
		p.settle()
	}
}

// writeOut keeps a snapshot: it is written later, as it is in a job. But while windows or timers fire, the operator may
// wait for it.
func (p *rigPart) writeOut(s StateSnapshot) {
	p.rig.told++
	p.queue = append(p.queue, s)
	if p.firing {
		_ = p.flush() // what is stale goes back
	}
}

func (p *rigPart) Watermark(t int64) error {
	p.makeRoom()
	_ = p.flush()
	p.firing = true
	defer func() { p.firing = false }()
	return p.Receiver.Watermark(t)
}

// flush writes what is queued, and says what could not be.
func (p *rigPart) flush() (wrong error) {
	p.rig.t.Helper()
	for _, s := range p.queue {
		set := lsm.NewTableSet(context.Background(), p.rig.store, p.rig.name)
		if err := s.WriteTo(set); err != nil {
			set.Abort()
			s.Failed()
			wrong = errors.Join(wrong, err)
			continue
		}
		tables, err := set.Finish()
		must(p.rig.t, err)
		must(p.rig.t, p.shard.Ingest(context.Background(), tables))
		s.Written()
	}
	p.queue = nil
	return wrong
}

// lose fails what is queued, as when the store is down.
func (p *rigPart) lose() {
	for _, s := range p.queue {
		s.Failed()
	}
	p.queue = nil
}

// rows sends events, each to the part that owns its key. What was queued is written before, but at random: with
// rng, it may come to nothing or stay where it is.
func (r *rig) rows(rng *rand.Rand, events ...event) {
	r.t.Helper()
	batches := make([]*flow.Batch[event], len(r.parts))
	for i := range batches {
		batches[i] = &flow.Batch[event]{}
	}
	for _, e := range events {
		one := &flow.Batch[event]{}
		one.Append(e, e.Time)
		r.hash(one)
		b := batches[base.SubtaskOf(base.KeyGroupOf(one.Hashes[0], r.groups), len(r.parts), r.groups)]
		b.Append(e, e.Time)
		b.Hashes = append(b.Hashes, one.Hashes[0])
	}
	for i, b := range batches {
		p := r.parts[i]
		p.env.MaxDirty = r.maxDirty
		switch {
		case rng == nil || rng.IntN(3) > 0:
			must(r.t, p.flush())
		case rng.IntN(3) == 0:
			p.lose()
		case len(p.queue) > 0:
			p.env.MaxDirty = 0 // or the operator would wait for the one before
		}
		p.makeRoom()
		end := p.mayFire()
		must(r.t, p.Batch(b))
		end()
	}
}

func (r *rig) watermark(t int64) {
	r.t.Helper()
	for _, p := range r.parts {
		must(r.t, p.Watermark(t))
	}
}

// checkpoint takes one. When the state cannot be written, there is none.
func (r *rig) checkpoint() *checkpoint.Operator {
	r.t.Helper()
	r.cut++
	key, states, err := r.plan.Describe()
	must(r.t, err)
	op := &checkpoint.Operator{UID: r.uid, Parallelism: len(r.parts), Key: key, States: states}
	for _, p := range r.parts {
		snap := p.snapshot(r.cut)
		p.queue, p.left = append(p.queue, snap.State), snap.InFlight
		if p.flush() != nil {
			return nil
		}
		list, err := p.shard.Export(context.Background())
		must(r.t, err)
		s := checkpoint.Subtask{
			Range: p.env.Groups, Watermark: snap.Watermark, Ahead: snap.Ahead, Namespaces: snap.Namespaces, Meta: list.Meta,
			Broadcasts: snap.Broadcasts,
		}
		for _, o := range list.Objects {
			s.Tables = append(s.Tables, checkpoint.Table(o))
		}
		op.Subtasks = append(op.Subtasks, s)
	}
	return op
}

// snapshot takes one. While the operator waits for what is in flight windows may fire, and what is told is written.
func (p *rigPart) snapshot(cut uint64) Snapshot {
	p.rig.t.Helper()
	defer p.mayFire()()
	snap, err := p.Snapshot(cut)
	must(p.rig.t, err)
	return snap
}

// mayFire prepares for a call in which a watermark that is in flight may be performed.
func (p *rigPart) mayFire() (end func()) {
	f, ok := p.Operator.(Flying)
	if !ok || !f.Waits() {
		return func() {}
	}
	_ = p.flush()
	p.firing = true
	return func() { p.firing = false }
}

// rescale takes a checkpoint and goes on from it at another parallelism.
func (r *rig) rescale(parallelism int) {
	r.t.Helper()
	op := r.checkpoint()
	for op == nil {
		op = r.checkpoint()
	}
	r.close()
	r.open(parallelism, op)
}

// difference says which words are in one text more often than in the other.
func difference(got, want string) string {
	count := map[string]int{}
	for _, w := range strings.Fields(got) {
		count[w]++
	}
	for _, w := range strings.Fields(want) {
		count[w]--
	}
	var all []string
	for w, n := range count {
		if n != 0 {
			all = append(all, fmt.Sprintf("%+d %s", n, w))
		}
	}
	slices.Sort(all)
	if len(all) > 20 {
		all = append(all[:20], fmt.Sprint("and ", len(all)-20, " more"))
	}
	return strings.Join(all, ", ")
}
