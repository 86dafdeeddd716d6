package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// build makes all gates, pools and tasks.
func (a *Attempt) build() error {
	gates := a.gates()
	restored := a.assignments()
	for _, n := range a.Plan.Nodes() {
		if n.Source != nil {
			a.buildPool(n, restored[n.ID])
		}
	}
	for _, c := range a.Plan.Chains {
		for s := range c.Parallelism {
			b := &builder{
				Attempt: a, chain: c, subtask: s, gates: gates, restored: restored,
				built: map[int]operator.Operator{}, times: &task.Times{},
			}
			if err := b.task(); err != nil {
				return err
			}
		}
	}
	return nil
}

// patience is how long a barrier waits in front of an operator that leaves rows in flight to any checkpoint: what has not
// been begun by then would have to wait for an outside service.
const patience = 100 * time.Millisecond

// gates returns the inputs of all subtasks, by chain and subtask.
func (a *Attempt) gates() [][]*channel.Gate {
	gates := make([][]*channel.Gate, len(a.Plan.Chains))
	for i, c := range a.Plan.Chains {
		for s := range c.Parallelism {
			var g *channel.Gate
			if origins := originsOf(c.Head(), s); len(origins) > 0 {
				if g = channel.NewGate(origins, a.Credit, rowsOf(c.Head())); c.Head().Flies {
					g.Hasten(patience)
				}
			}
			gates[i] = append(gates[i], g)
		}
	}
	return gates
}

// rowsOf are those that come to an operator.
func rowsOf(n *plan.Node) channel.Rows {
	var types []operator.RowType
	for _, e := range n.Inputs {
		types = append(types, e.Rows())
	}
	return channel.Rows{
		Copy:  func(input int, batch any) any { return types[input].Copy(batch) },
		Bytes: func(input int, batch any) int64 { return types[input].Bytes(batch) },
	}
}

// originsOf are those of the channels in front of a subtask.
func originsOf(head *plan.Node, subtask int) (all []channel.Origin) {
	for i, e := range head.Inputs {
		if e.Exchange == operator.Forward {
			all = append(all, channel.Origin{Input: i, Subtask: subtask})
			continue
		}
		for s := range e.From.Parallelism {
			all = append(all, channel.Origin{Input: i, Subtask: s, Aligns: e.Exchange == operator.Broadcast})
		}
	}
	return all
}

// deliver hands batches to the operator, by the input that they have come by.
func deliver(n *plan.Node, op operator.Operator) func(input int, batch any) error {
	var to []func(batch any) error
	for _, e := range n.Inputs {
		to = append(to, e.Rows().Deliver(op, e.Side))
	}
	return func(input int, batch any) error { return to[input](batch) }
}

// channelsOf is the number of channels that an edge adds to the gate of each receiving subtask.
func channelsOf(e plan.Edge) int {
	if e.Exchange == operator.Forward {
		return 1
	}
	return e.From.Parallelism
}

// batchBytes is what a batch in a channel of a shuffle may take: each channel holds as many as its credit, its sender fills
// one, and its receiver goes through one. Zero is for as much as comes.
func (a *Attempt) batchBytes() int64 {
	channels := 0
	for _, c := range a.Plan.Chains {
		for _, e := range c.Head().Inputs {
			if e.Exchange == operator.Hash {
				channels += channelsOf(e) * c.Parallelism
			}
		}
	}
	if channels == 0 || a.ChannelBytes == 0 {
		return 0
	}
	return max(1, a.ChannelBytes/int64(channels*(a.Credit+2)))
}

// assignments deals the checkpoint out to the subtasks of each node, by node and subtask.
func (a *Attempt) assignments() [][]*operator.Restored {
	all := make([][]*operator.Restored, len(a.Plan.Nodes()))
	for _, n := range a.Plan.Nodes() {
		all[n.ID] = make([]*operator.Restored, n.Parallelism)
		old := operatorOf(a.Restore, n.UID)
		if old == nil {
			continue
		}
		for s, as := range checkpoint.Assign(*old, n.Parallelism, a.Plan.MaxParallelism) {
			as.Checkpoint = a.Restore.Checkpoint
			all[n.ID][s] = &operator.Restored{Assignment: as, Key: old.Key, States: old.States}
		}
	}
	return all
}

func operatorOf(m *checkpoint.Manifest, uid string) *checkpoint.Operator {
	if m == nil {
		return nil
	}
	for i := range m.Operators {
		if m.Operators[i].UID == uid {
			return &m.Operators[i]
		}
	}
	return nil
}

func (a *Attempt) buildPool(n *plan.Node, restored []*operator.Restored) {
	pool := newSplitPool(n.Source, n.Name, n.Parallelism, func() { a.wakeSources() })
	if old := operatorOf(a.Restore, n.UID); old != nil {
		assigned := make([][]flow.Split, n.Parallelism)
		for s, r := range restored {
			for _, split := range r.Splits {
				assigned[s] = append(assigned[s], flow.Split(split))
			}
		}
		unassigned := make([]flow.Split, 0, len(old.Unassigned))
		for _, s := range old.Unassigned {
			unassigned = append(unassigned, flow.Split(s))
		}
		pool.restore(old.Known, unassigned, assigned)
	}
	a.pools[n.ID] = pool
}

func (a *Attempt) wakeSources() {
	for _, t := range a.tasks {
		if t.Source != nil {
			t.Wake()
		}
	}
}

// builder builds one task.
type builder struct {
	*Attempt
	chain    *plan.Chain
	subtask  int
	gates    [][]*channel.Gate
	restored [][]*operator.Restored
	built    map[int]operator.Operator
	steps    []task.Step // in the order of building, which is from the last to the first
	outputs  []operator.Output
	times    *task.Times
	urgency  *channel.Urgency
	recover  []func(context.Context) error
}

func (b *builder) task() error {
	b.urgency = &channel.Urgency{}
	gate := b.gates[b.chain.ID][b.subtask]
	if gate != nil {
		b.urgency = gate.Urgency()
	}
	head, err := b.operator(b.chain.Head())
	if err != nil {
		return err
	}
	config := task.Config{
		ID: len(b.tasks), Name: fmt.Sprintf("%s (%d/%d)", b.chain.Name(), b.subtask+1, b.chain.Parallelism),
		Outputs: b.outputs, Report: b.Attempt, Times: b.times, Urgency: b.urgency,
	}
	for i := len(b.steps) - 1; i >= 0; i-- {
		config.Steps = append(config.Steps, b.steps[i])
	}
	if source, ok := head.(task.Source); ok {
		config.Source = source
		b.ending[config.ID] = struct{}{}
	} else {
		config.Gate = gate
		if r := b.recoveryOf(b.chain.Head(), b.subtask); r != nil {
			b.recover = append(b.recover, r.into(gate))
		}
		config.Head = head.(operator.Progress)
		config.Deliver = deliver(b.chain.Head(), head)
	}
	config.Recover = inTurn(b.recover)
	b.Attempt.times = append(b.Attempt.times, b.times)
	b.tasks = append(b.tasks, task.New(config))
	b.chains = append(b.chains, b.chain)
	return nil
}

// operator builds the node's operator after all that takes rows from it.
func (b *builder) operator(n *plan.Node) (operator.Operator, error) {
	if op, ok := b.built[n.ID]; ok {
		return op, nil
	}
	var outs []any
	for i, rows := range n.Outputs {
		to, err := b.receivers(n, i, rows)
		if err != nil {
			return nil, err
		}
		outs = append(outs, rows.Fan(to))
	}
	env, err := b.env(n)
	if err != nil {
		return nil, err
	}
	op, err := n.Make(env, outs)
	if err != nil {
		return nil, err
	}
	b.built[n.ID] = op
	b.steps = append(b.steps, task.Step{UID: n.UID, Operator: op})
	if n != b.chain.Head() {
		if r := b.recoveryOf(n, b.subtask); r != nil {
			b.recover = append(b.recover, r.through(op))
		}
	}
	return op, nil
}

// receivers are what an output's rows go to: operators of this chain, or writers to other tasks.
func (b *builder) receivers(n *plan.Node, index int, rows operator.RowType) ([]any, error) {
	var to []any
	nodes, inputs := b.Plan.Consumers(n, index)
	for i, consumer := range nodes {
		if b.Plan.ByNode[consumer.ID] == b.chain && consumer != b.chain.Head() {
			op, err := b.operator(consumer)
			if err != nil {
				return nil, err
			}
			to = append(to, op)
			continue
		}
		w := rows.Writer(b.writerConfig(consumer, inputs[i]))
		b.outputs = append(b.outputs, w)
		to = append(to, w)
	}
	return to, nil
}

// writerConfig finds the channels that lead from this subtask to an input of the consumer.
func (b *builder) writerConfig(consumer *plan.Node, input int) operator.WriterConfig {
	e, first := consumer.Inputs[input], 0
	for _, in := range consumer.Inputs[:input] {
		first += channelsOf(in)
	}
	gates := b.gates[b.Plan.ByNode[consumer.ID].ID]
	c := operator.WriterConfig{
		Context: b.ctx, Exchange: e.Exchange, Hasher: e.Hasher, MaxParallelism: b.Plan.MaxParallelism,
		BatchBytes: b.batchBytes(), FlushAfter: b.FlushAfter, Urgency: b.urgency,
		Blocked: func(d time.Duration) { b.times.Blocked.Add(int64(d)) },
	}
	if e.Exchange == operator.Forward {
		c.To = []*channel.Sender{gates[b.subtask].Sender(first)}
		return c
	}
	for _, g := range gates {
		c.To = append(c.To, g.Sender(first+b.subtask))
	}
	return c
}

func (b *builder) env(n *plan.Node) (*operator.Env, error) {
	stats := &operator.Stats{}
	stats.Watermark.Store(flow.NoTime)
	told := &OperatorStats{Node: n, Subtask: b.subtask, Stats: stats}
	if n == b.chain.Head() {
		told.times = b.times
		if gate := b.gates[b.chain.ID][b.subtask]; gate != nil {
			gate.CountTaken(stats.InFlightBytes.Load)
		}
	}
	b.stats = append(b.stats, told)
	env := &operator.Env{
		Context: b.ctx, UID: n.UID, Name: n.Name, Subtask: b.subtask, Parallelism: n.Parallelism,
		MaxParallelism: b.Plan.MaxParallelism,
		Groups:         base.RangeOf(b.subtask, n.Parallelism, b.Plan.MaxParallelism),
		Incarnation:    b.Incarnation, Restored: b.restored[n.ID][b.subtask], Budget: b.Budget,
		InFlight: n.InFlight, Relaxed: n.Relaxed, FirstAccess: n.FirstAccess,
		Stats: stats, Urgency: b.urgency,
		Blocked: func() time.Duration { return time.Duration(b.times.Blocked.Load()) },
	}
	if n.Source != nil {
		env.Splits = b.pools[n.ID]
	}
	if n.InTables() {
		if err := b.keyed(n, env, told); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// keyed adds the place of keyed state.
func (b *builder) keyed(n *plan.Node, env *operator.Env, told *OperatorStats) error {
	s, err := b.openShard(n, len(b.tasks), env.Groups, env.Restored)
	if err != nil {
		return err
	}
	told.shard = s
	env.Below, env.Crowded, env.MaxDirty, env.Barrier = s, b.Resources.Crowded, b.MaxDirty, b.nextBarrier
	states, ttl, err := n.Keyed.Expiring()
	if err != nil {
		return err
	}
	if ttl > 0 {
		env.Expired = b.newSweep(s, rangesOf(n.UID, env.Groups, states), ttl).found
	}
	env.WriteOut = func(snapshot operator.StateSnapshot) { b.persister.add(writing{shard: s, snapshot: snapshot}) }
	s.purge, err = b.newPurge(s, n, env.Restored)
	return err
}
