package worker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// ErrFinished ends the tasks of a job that has done its work.
var ErrFinished = errors.New("the job has finished")

// Config is what an attempt to run a job needs.
type Config struct {
	Plan    *plan.Physical
	Objects objstore.Store
	// Resources are what the shards of the process share.
	Resources *lsm.Resources
	// MaxDirty is how many bytes of changes an operator's state may have before they are written out early.
	MaxDirty int64
	// Incarnation is part of the names of all that this attempt writes.
	Incarnation string
	// Restore is the checkpoint to go on from, or nil.
	Restore *checkpoint.Manifest
	Budget  *keyed.Budget
	// Credit is the number of batches that a channel holds, FlushAfter how long a row may wait for company.
	Credit int
	// ChannelBytes is what all rows in channels that lead from each subtask to each may take; zero for as much as comes.
	ChannelBytes int64
	FlushAfter   time.Duration
	Listener     Listener
}

// Listener hears from an attempt. Its methods may be called from any goroutine and must not block.
type Listener interface {
	// Acknowledged says that a task's part of a checkpoint is durable.
	Acknowledged(checkpoint uint64, task int)
	// Declined says that a task's part of a checkpoint could not be made durable.
	Declined(checkpoint uint64, task int, err error)
	// SourcesEnded says that all sources have been read to their ends.
	SourcesEnded()
}

// Attempt is one run of the tasks of a job, from a restored checkpoint to a failure or the end.
type Attempt struct {
	Config
	ctx       context.Context
	cancel    context.CancelCauseFunc
	tasks     []*task.Task
	chains    []*plan.Chain // by task
	stats     []*OperatorStats
	times     []*task.Times
	pools     map[int]*splitPool // by node
	shards    []*shard
	persister *persister
	flights   *flights
	sweeps    []*sweep
	purges    []*purge
	turn      chan struct{} // of the sweeps and purges
	garbage   garbage
	lingering lingering
	named     atomic.Int64
	expected  atomic.Int64 // when the next barrier is, in Unix milliseconds; 0 for never

	mu    sync.Mutex
	parts map[uint64]*parts
	// prepared is what sinks prepared and is not known to be committed, oldest first.
	prepared []prepared
	ending   map[int]struct{} // source tasks that have yet to end
}

// OperatorStats are the counters of one operator in one subtask.
type OperatorStats struct {
	Node    *plan.Node
	Subtask int
	*operator.Stats
	shard *shard      // nil for an operator without state
	times *task.Times // of the task whose head it is, or nil
}

// parts are the pieces of a checkpoint that have come in.
type parts struct {
	pools   map[int]poolState
	tasks   map[int][]task.Part
	lists   map[*shard]lsm.List
	flights map[int]*checkpoint.Flight // by task
	// held is for how long the barrier has stopped a task at most, spent how long it took to make bytes of everything.
	held, spent time.Duration
	// written is the least of the numbers of the sets of tables that the lists contain.
	written int64
}

type poolState struct {
	known      []string
	unassigned []flow.Split
}

// New builds the tasks, which end with the context. Nothing runs yet, and nothing has been written.
func New(ctx context.Context, c Config) (*Attempt, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	a := &Attempt{
		ctx: ctx, cancel: cancel,
		Config: c, pools: map[int]*splitPool{},
		turn: make(chan struct{}, 1), parts: map[uint64]*parts{}, ending: map[int]struct{}{},
		garbage: garbage{tables: map[string]int64{}},
	}
	a.persister, a.flights = newPersister(a), newFlights(a)
	a.lingering.begin(c.Restore)
	if err := a.build(); err != nil {
		cancel(err)
		return nil, errors.Join(err, a.closeShards())
	}
	return a, nil
}

// Finish ends the tasks of a job that has done its work: Run returns nil.
func (a *Attempt) Finish() { a.cancel(ErrFinished) }

// Run runs the tasks until one fails (its error), the context ends (its cause) or Finish is called (nil, or what
// failed when the operators were closed). It waits for all of them, but for user code that will not return: then the
// error, of kind base.Config, says so, and what the attempt has is freed if it does return.
func (a *Attempt) Run() error {
	defer a.cancel(nil)
	ctx := a.ctx
	var group sync.WaitGroup
	var failed firstError
	fail := func(err error) {
		failed.set(err)
		a.cancel(err)
	}
	run := func(f func(context.Context) error) {
		group.Go(func() {
			if err := unfinished(ctx, f(ctx)); err != nil {
				fail(err)
			}
		})
	}
	for id, t := range a.tasks {
		group.Go(func() {
			if err := unfinished(ctx, t.Run(ctx)); err != nil {
				fail(a.taskError(id, err))
			}
		})
	}
	run(a.persister.run)
	run(a.flights.run)
	run(a.warm)
	for _, s := range a.sweeps {
		run(s.run)
	}
	for _, p := range a.purges {
		run(p.run)
	}
	for _, p := range a.pools {
		run(p.run)
	}
	return a.unlessStill(&group, &failed)
}

// Close frees what New took, for an attempt that is not going to run. After Run it does nothing.
func (a *Attempt) Close() error { return a.closeShards() }

// unfinished is what remains of an error without the end of a job that has finished.
func unfinished(ctx context.Context, err error) error {
	cutShort := errors.Is(context.Cause(ctx), ErrFinished) && errors.Is(err, context.Canceled)
	if !cutShort && !errors.Is(err, ErrFinished) {
		return err
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var rest []error
		for _, e := range all.Unwrap() {
			rest = append(rest, unfinished(ctx, e))
		}
		return errors.Join(rest...)
	}
	return nil
}

// firstError keeps the first error it is given: what follows from it is of less interest.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Tasks is the number of tasks, each of which must acknowledge a checkpoint.
func (a *Attempt) Tasks() int {
	return a.Plan.Tasks()
}

// Discover asks every source for its splits. It comes before Run, and before sinks are touched, so that mistakes
// show at once.
func (a *Attempt) Discover() error {
	for _, p := range a.pools {
		if p.complete {
			continue
		}
		if err := p.discover(a.ctx, a.Restore == nil); err != nil {
			return err
		}
	}
	return nil
}

// Trigger begins a checkpoint: the split pools are recorded and the sources asked for barriers. All of them are
// asked or none, because gates match barriers by their order. It is called by one goroutine.
func (a *Attempt) Trigger(b channel.Barrier) error {
	id := b.Checkpoint
	for _, t := range a.tasks {
		if t.Source != nil && !t.Room() {
			return fmt.Errorf("checkpoint %d: task %q has not taken part in the last ones yet", id, t.Name)
		}
	}
	p := &parts{
		pools: map[int]poolState{}, tasks: map[int][]task.Part{}, lists: map[*shard]lsm.List{}, written: math.MaxInt64,
		flights: map[int]*checkpoint.Flight{},
	}
	a.mu.Lock()
	a.parts[id] = p
	a.mu.Unlock()
	for node, pool := range a.pools {
		known, unassigned := pool.snapshot(id)
		p.pools[node] = poolState{known, unassigned}
	}
	for _, t := range a.tasks {
		if t.Source != nil {
			t.Trigger(b)
		}
	}
	return nil
}

// Expect says when the next checkpoint is going to be triggered, as far as is known, in Unix milliseconds; 0 for never.
// Changes are written in time for it.
func (a *Attempt) Expect(at int64) { a.expected.Store(at) }

func (a *Attempt) nextBarrier() time.Time {
	if at := a.expected.Load(); at != 0 {
		return time.UnixMilli(at)
	}
	return time.Time{}
}

// Drop forgets what came in for a checkpoint that will not be stored.
func (a *Attempt) Drop(id uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.parts[id]; p != nil {
		for _, f := range p.flights {
			a.garbage.unused([]string{f.Name})
		}
	}
	delete(a.parts, id)
}

// SourceEnded implements task.Reporter.
func (a *Attempt) SourceEnded(id int) {
	a.mu.Lock()
	delete(a.ending, id)
	all := len(a.ending) == 0
	a.mu.Unlock()
	if all {
		a.Listener.SourcesEnded()
	}
}

// Stats returns the counters of every operator and subtask.
func (a *Attempt) Stats() []*OperatorStats { return a.stats }
