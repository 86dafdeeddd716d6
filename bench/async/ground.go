package async

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

const (
	uid    = "measured"
	groups = 128
)

var allGroups = base.KeyGroupRange{End: groups}

// kind is an operator that is measured.
type kind struct {
	plan  *operator.Planned
	build func(env *operator.Env) (operator.Operator, error)
}

// ofProcess is an operator that runs a function.
func ofProcess(fn func() function) kind {
	return kind{
		plan: operator.PlanProcess[int64, row, int64](uid, fn),
		build: func(env *operator.Env) (operator.Operator, error) {
			return operator.NewProcess(env, newDrain[int64](), keyOf, fn())
		},
	}
}

// drain takes what an operator emits. How many rows that are its Stats say.
type drain[T any] struct{ pool operator.Pool[T] }

func newDrain[T any]() drain[T] { return drain[T]{operator.PoolOf[T]()} }

func (d drain[T]) Batch(b *flow.Batch[T]) error { d.pool.Put(b); return nil }
func (drain[T]) Watermark(int64) error          { return nil }
func (drain[T]) Idle(bool) error                { return nil }

// ground is an object store with the state that stages of a kind go on from, if any has been laid.
type ground struct {
	kind
	store *mem.Store
	laid  *checkpoint.Operator
	bytes int64 // that the state took in memory
	names atomic.Int64
}

func newGround(k kind) *ground { return &ground{kind: k, store: mem.New()} }

func (g *ground) name() string { return fmt.Sprint("shards/", g.names.Add(1)) }

// lay lets an operator process all that fill gives it, until it gives nothing more, and keeps its state.
func (g *ground) lay(ctx context.Context, fill filler) (err error) {
	s, err := g.open(ctx, setting{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for more := true; more; {
		if more, err = s.feed(fill); err != nil {
			return err
		}
	}
	snapshot, err := s.op.Snapshot(1)
	if err != nil {
		return err
	}
	g.bytes = s.env.Stats.StateBytes.Load()
	if err := s.writer.write(snapshot.State); err != nil {
		return err
	}
	list, err := s.shard.Export(ctx)
	if err != nil {
		return err
	}
	part := checkpoint.Subtask{
		Range: allGroups, Watermark: snapshot.Watermark, Namespaces: snapshot.Namespaces, Meta: list.Meta,
	}
	for _, o := range list.Objects {
		part.Tables = append(part.Tables, checkpoint.Table(o))
	}
	g.laid = &checkpoint.Operator{UID: uid, Parallelism: 1, Subtasks: []checkpoint.Subtask{part}}
	g.laid.Key, g.laid.States, err = g.plan.Describe()
	return err
}

// restored is what an operator goes on from, and the tables of that; nil for the first one.
func (g *ground) restored() (*operator.Restored, []lsm.List) {
	if g.laid == nil {
		return nil, nil
	}
	a := checkpoint.Assign(*g.laid, 1, groups)[0]
	var lists []lsm.List
	for _, s := range a.Shards {
		l := lsm.List{Meta: s.Meta, Range: tableKeys(s.Range)}
		for _, t := range s.Tables {
			l.Objects = append(l.Objects, lsm.Object(t))
		}
		lists = append(lists, l)
	}
	return &operator.Restored{Assignment: a, Key: g.laid.Key, States: g.laid.States}, lists
}

// tableKeys is the range of the table keys of key groups.
func tableKeys(r base.KeyGroupRange) lsm.Range {
	bound := func(n base.KeyGroup) []byte {
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, operator.OperatorHash(uid)), uint16(n))
	}
	return lsm.Range{Start: bound(r.Start), End: bound(r.End)}
}

// tables are a shard as an operator reads it.
type tables struct{ *lsm.Shard }

// Scan implements keyed.Below.
func (t tables) Scan(ctx context.Context, start, end []byte, visit func(key, value []byte) error) error {
	if end == nil {
		end = tableKeys(allGroups).End
	}
	return t.Shard.Scan(ctx, lsm.Range{Start: start, End: end}, visit)
}
