package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// persister makes the frozen state of all tasks durable behind their backs. What has come in while it was busy is
// written together, so that a checkpoint of many small shards takes a handful of tables.
type persister struct {
	attempt *Attempt
	wake    chan struct{}
	sets    int64 // of tables, that have been written

	mu    sync.Mutex
	queue []writing
}

// writing is a snapshot on its way into its shard.
type writing struct {
	shard    *shard
	snapshot operator.StateSnapshot
	part     *pending // nil for a snapshot that is no part of a checkpoint
}

// pending is a task's part of a checkpoint: it is acknowledged when all its snapshots are durable.
type pending struct {
	checkpoint uint64
	task, left int
	failed     error
}

func newPersister(a *Attempt) *persister {
	return &persister{attempt: a, wake: make(chan struct{}, 1)}
}

// add queues snapshots. It never blocks: a shard has few on their way.
func (p *persister) add(w ...writing) {
	p.mu.Lock()
	p.queue = append(p.queue, w...)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run works until the context ends. A snapshot that cannot be written declines its checkpoint and does not fail the
// attempt; a shard that cannot take what has been written does.
func (p *persister) run(ctx context.Context) error {
	for {
		select {
		case <-p.wake:
		case <-ctx.Done():
			return nil
		}
		for {
			batch := p.take()
			if len(batch) == 0 {
				break
			}
			if err := p.write(ctx, batch); err != nil {
				return err
			}
		}
	}
}

// take takes what is queued, of each shard one snapshot: they are written in order.
func (p *persister) take() []writing {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for seen := map[*shard]bool{}; n < len(p.queue) && !seen[p.queue[n].shard]; n++ {
		seen[p.queue[n].shard] = true
	}
	batch := slices.Clone(p.queue[:n])
	p.queue = slices.Delete(p.queue, 0, n)
	return batch
}

// entriesAtOnce is about how many entries are worth another goroutine.
const entriesAtOnce = 100_000

// write writes a batch: in the order of table keys, in as many sets of tables as pay.
func (p *persister) write(ctx context.Context, batch []writing) error {
	slices.SortFunc(batch, func(a, b writing) int { return slices.Compare(a.shard.keys.Start, b.shard.keys.Start) })
	var total int64
	for _, w := range batch {
		total += w.snapshot.Entries()
	}
	sets := min(int64(runtime.GOMAXPROCS(0)), 1+total/entriesAtOnce)
	parts := divide(batch, total/sets) // which may be more: what is left by the division is one
	errs := make([]error, len(parts))
	var group sync.WaitGroup
	for i, part := range parts {
		p.sets++
		number := p.sets
		group.Go(func() { errs[i] = p.writeSet(ctx, number, part) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// divide cuts a batch into parts with at least so many entries, but for the last.
func divide(batch []writing, entries int64) (parts [][]writing) {
	var n int64
	from := 0
	for i, w := range batch {
		if n += w.snapshot.Entries(); n >= entries && n > 0 || i == len(batch)-1 {
			parts = append(parts, batch[from:i+1])
			from, n = i+1, 0
		}
	}
	return parts
}

// writeSet writes snapshots into tables that they share, and gives these to their shards.
func (p *persister) writeSet(ctx context.Context, number int64, batch []writing) error {
	tables, err := p.tables(ctx, batch)
	if err != nil {
		hold(ctx, batch)
		for _, w := range batch {
			w.snapshot.Failed()
			p.attempt.settle(w, nil, err)
		}
		return nil
	}
	p.attempt.garbage.wrote(number, tables)
	for _, w := range batch {
		if err := w.shard.Ingest(ctx, tables); err != nil {
			if ctx.Err() != nil {
				return nil // it waited for compactions until the end of the attempt
			}
			return fmt.Errorf("operator %q: %w", w.shard.uid, err)
		}
		w.snapshot.Written()
		w.shard.purge.wrote()
		w.shard.written = number
		if w.part == nil {
			continue
		}
		p.attempt.garbage.unused(w.shard.Unused()) // before, or an object of the list could be among them
		list, err := w.shard.Export(ctx)
		if err != nil {
			return fmt.Errorf("operator %q: %w", w.shard.uid, err)
		}
		p.attempt.settle(w, &list, nil)
	}
	return nil
}

// tables writes the tables of a set.
func (p *persister) tables(ctx context.Context, batch []writing) ([]lsm.TableInfo, error) {
	name := func() string { return p.attempt.name("table") }
	set := lsm.NewTableSet(objstore.For(ctx, objstore.Checkpoint), p.attempt.Objects, name)
	set.EndAt(p.attempt.Resources.TableSize())
	for _, w := range batch {
		begin := time.Now()
		if err := w.snapshot.WriteTo(set); err != nil {
			set.Abort()
			return nil, fmt.Errorf("operator %q: %w", w.shard.uid, err)
		}
		p.attempt.spent(w.part, begin)
	}
	tables, err := set.Finish()
	if err != nil {
		set.Abort()
	}
	return tables, err
}

// holdFor is how long a failure to write early is not followed by another try.
const holdFor = time.Second

// hold waits before snapshots that were taken early are given back: their tasks would take them again at once.
func hold(ctx context.Context, batch []writing) {
	if !slices.ContainsFunc(batch, func(w writing) bool { return w.part == nil }) {
		return
	}
	timer := time.NewTimer(holdFor)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Snapshot implements task.Reporter.
func (a *Attempt) Snapshot(id int, checkpoint uint64, snaps []task.Part) {
	a.mu.Lock()
	if p := a.parts[checkpoint]; p != nil {
		p.tasks[id], p.held = snaps, max(p.held, heldBy(snaps))
	}
	a.keep(id, checkpoint, snaps)
	a.mu.Unlock()
	part := &pending{checkpoint: checkpoint, task: id}
	var all []writing
	for _, s := range snaps {
		if s.State != nil {
			all = append(all, writing{a.shardOf(id, s.UID), s.State, part})
		}
	}
	part.left = len(all)
	var overtaken []flight
	for _, s := range snaps {
		if s.Captured != nil {
			overtaken = append(overtaken, flight{s.Captured, part})
			part.left++
		}
	}
	if part.left == 0 {
		a.Listener.Acknowledged(checkpoint, id)
		return
	}
	a.flights.add(overtaken...)
	a.persister.add(all...)
}

// heldBy is for how long the barrier has stopped the operators of a task together.
func heldBy(snaps []task.Part) (d time.Duration) {
	for _, s := range snaps {
		d += s.Held
	}
	return d
}

func (a *Attempt) shardOf(task int, uid string) *shard {
	i := slices.IndexFunc(a.shards, func(s *shard) bool { return s.task == task && s.uid == uid })
	return a.shards[i]
}

// settle notes what became of a snapshot.
func (a *Attempt) settle(w writing, list *lsm.List, err error) {
	if w.part == nil {
		return
	}
	a.mu.Lock()
	if in := a.parts[w.part.checkpoint]; in != nil && list != nil {
		in.lists[w.shard] = *list
		in.written = min(in.written, w.shard.written)
	}
	a.mu.Unlock()
	a.less(w.part, err)
}

// less says that one thing less is to be done for a task's part of a checkpoint, and tells of the last.
func (a *Attempt) less(p *pending, err error) {
	a.mu.Lock()
	p.left--
	p.failed = errors.Join(p.failed, err)
	over := p.left == 0
	a.mu.Unlock()
	switch {
	case over && p.failed != nil:
		a.Listener.Declined(p.checkpoint, p.task, p.failed)
	case over:
		a.Listener.Acknowledged(p.checkpoint, p.task)
	}
}
