package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// shard is what lies below the state of one operator and subtask.
type shard struct {
	*lsm.Shard
	uid     string
	task    int
	keys    lsm.Range
	written int64 // the last set of tables that it has
	purge   *purge

	meter meter
	waits metric.Times // of the task, for state
}

// Read implements keyed.Below.
func (s *shard) Read(ctx context.Context, keys [][]byte, found func(i int, value []byte) error) error {
	defer s.waited(time.Now())
	return s.Shard.Read(ctx, keys, found)
}

// Scan implements keyed.Below.
func (s *shard) Scan(ctx context.Context, start, end []byte, visit func(key, value []byte) error) error {
	if end == nil {
		end = s.keys.End
	}
	defer s.waited(time.Now())
	return s.Shard.Scan(ctx, lsm.Range{Start: start, End: end}, visit)
}

// waited counts a wait of the task that has just ended.
func (s *shard) waited(begin time.Time) { s.waits.Add(time.Since(begin)) }

// openShard opens the shard of an operator from what the checkpoint has of it. Nothing is read for that.
func (a *Attempt) openShard(n *plan.Node, task int, groups base.KeyGroupRange, r *operator.Restored) (*shard, error) {
	var lists []lsm.List
	if r != nil {
		for _, s := range r.Shards {
			lists = append(lists, listOf(n.UID, s))
		}
	}
	s := &shard{uid: n.UID, task: task, keys: keysOf(n.UID, groups)}
	var err error
	if s.Shard, err = lsm.OpenShard(a.ctx, a.Resources, a.name("shard"), s.keys, lists...); err != nil {
		return nil, fmt.Errorf("operator %q: restore: %w", n.Name, err)
	}
	a.shards = append(a.shards, s)
	return s, nil
}

// keysOf are the table keys of an operator and a range of key groups.
func keysOf(uid string, groups base.KeyGroupRange) lsm.Range {
	bound := func(g base.KeyGroup) []byte {
		key := binary.BigEndian.AppendUint64(nil, operator.OperatorHash(uid))
		return binary.BigEndian.AppendUint16(key, uint16(g))
	}
	return lsm.Range{Start: bound(groups.Start), End: bound(groups.End)}
}

// listOf is how package lsm puts what the manifest says of a subtask.
func listOf(uid string, s checkpoint.Shard) lsm.List {
	l := lsm.List{Meta: s.Meta, Range: keysOf(uid, s.Range)}
	for _, t := range s.Tables {
		l.Objects = append(l.Objects, lsm.Object(t))
	}
	return l
}

// tablesOf is how the manifest puts the objects of a list.
func tablesOf(l lsm.List) (tables []checkpoint.Table) {
	for _, o := range l.Objects {
		tables = append(tables, checkpoint.Table(o))
	}
	return tables
}

// warm opens the tables of restored shards behind the backs of the tasks, which do not wait for it: what it cannot open
// is counted.
func (a *Attempt) warm(ctx context.Context) error {
	if a.Restore == nil {
		return nil
	}
	for _, s := range a.shards {
		if s.Warm(ctx) != nil {
			return nil // only when it is over with the attempt, which has its own error
		}
	}
	return nil
}

// closeShards frees what the shards hold.
func (a *Attempt) closeShards() (err error) {
	for _, s := range a.shards {
		s.meter.last(s.Shard)
		err = errors.Join(err, s.Close())
	}
	return err
}

// name names an object, or the prefix of objects, that no other incarnation can name. The hash in front spreads the
// names over the key space of the store.
func (a *Attempt) name(kind string) string {
	name := fmt.Sprintf("%s-%08d.%s", a.Incarnation, a.named.Add(1), kind)
	return fmt.Sprintf("%s%02x/%s", checkpoint.TablePrefix, base.Hash([]byte(name))&0xff, name)
}
