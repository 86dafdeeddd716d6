package coordinator

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/diskcache"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/memory"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/metered"
	"github.com/aquifer-stream/aquifer/internal/objstore/patient"
	"github.com/aquifer-stream/aquifer/internal/objstore/scheduled"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// Config is what it takes to run a job.
type Config struct {
	Plan    *plan.Physical
	Objects objstore.Store
	// Memory is the bound on the memory of the process; nil for none. Budget and BlockCache get shares of it.
	Memory *memory.Limit
	Budget *keyed.Budget
	// MaxDirty is how many bytes of changes an operator's state may have before they are written out early.
	MaxDirty int64
	// BlockCache is the memory, in bytes, for blocks of tables to begin with.
	BlockCache int64
	// Cache is the disk cache to be opened, if it has a directory. OnCache, which must be there then, hears of it, and of
	// its end with nil.
	Cache   diskcache.Config
	OnCache func(*diskcache.Cache)
	// Interval is the time between checkpoints; zero for none but the last. Timeout ends an attempt at one.
	Interval, Timeout time.Duration
	// Pause is the least time between the end of a checkpoint and the begin of the next, Overhead the share of the time
	// that they may cost, for which the interval grows; zeros are for no such bounds.
	Pause    time.Duration
	Overhead float64
	// Unaligned says how long barriers wait for what is queued in front of them, until they overtake it; zero for as
	// long as it takes, and less for not at all; and behind how many bytes they do not wait at all, zero for none. It is
	// asked at each checkpoint. Nil is for zeros.
	Unaligned func() (after time.Duration, above int64)
	// Tolerated is how many checkpoints in a row may fail, Retain how many are kept.
	Tolerated, Retain int
	// From is the checkpoint to restore; zero for the latest.
	From uint64
	// AllowDropped lets go of state that the checkpoint has and the program does not.
	AllowDropped bool
	// Restarts is how often in a row a failed job is started again.
	Restarts int
	// RestartDelay is the pause before each restart; zero for one that doubles. Jitter is a number in [0,1) that makes
	// those shorter by chance; nil for none.
	RestartDelay time.Duration
	Jitter       func() float64
	// FlushAfter bounds how long a row waits for its batch to fill.
	FlushAfter time.Duration
	// Stop, when closed, ends the job after a checkpoint.
	Stop <-chan struct{}
	// Requests, if not nil, asks for checkpoints.
	Requests *Requests
	// OnEvent hears of events, one at a time.
	OnEvent func(Event)
}

// Result says how a run ended.
type Result struct {
	Finished                                          bool
	ResumedFrom, LastCheckpoint                       uint64
	CheckpointsCompleted, CheckpointsFailed, Restarts int
	RowsRead, StateBytes                              int64
	// Failures are the last ones, oldest first.
	Failures []Failure
	// Metrics are the samples of the last attempt at its end.
	Metrics []metric.Sample
}

// ErrStopped is the error of a job that was stopped in the pause before a restart, beside the failure that it was to
// be restarted after.
var ErrStopped = errors.New("stopped before a restart")

const (
	// channelCredit is the number of batches that a channel holds.
	channelCredit = 4
	// readPatience is for how long a read of state waits for a store that cannot be reached, which holds up the task.
	readPatience = 5 * time.Minute
	// parallelReads is how many requests for state may be under way: at 20 ms each, they are as many as two processors
	// can take in.
	parallelReads = 1024
)

// run is a job being run.
type run struct {
	Config
	metered   *metered.Store
	scheduled *scheduled.Store // over metered: Objects
	store     *store.Store
	disk      *diskcache.Cache // nil for none
	cached    *diskcache.Store // Objects, as tasks see them
	resources *lsm.Resources
	memory    *memory.Manager
	term      uint64
	found     uint64 // the newest checkpoint when the run began
	begin     time.Time
	result    Result
	rowsRead  int64 // by attempts that have ended
	last      Progress
	strategy  restarts
	calm      time.Time       // when tasks last began to run, or failed
	ofTasks   []metric.Sample // of the last attempt, as it was told last
	over      bool            // the last checkpoint of the job is stored and committed
	overtaken int64           // bytes of rows, by all barriers
	cost      time.Duration   // of all checkpoints
	// incarnations counts the times that tasks of a region were built, starts those that tasks began to run.
	incarnations, starts int
	interval             atomic.Int64 // between checkpoints now, in milliseconds
	anew                 bool         // the tasks have stopped to be started anew, with less memory
}

// Run runs the job until its input ends, it is stopped, the context ends or it fails for good.
func Run(ctx context.Context, c Config) (result Result, err error) {
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	if c.Requests == nil {
		c.Requests = &Requests{}
	}
	c.Requests.begin()
	defer c.Requests.end()
	r := &run{Config: c, metered: metered.New(c.Objects), begin: time.Now()}
	r.last.Watermark = flow.NoTime
	if r.scheduled, err = scheduled.New(r.metered, limits); err != nil {
		return r.result, err
	}
	r.Objects = r.scheduled
	ctx = objstore.For(ctx, objstore.Checkpoint) // what the run itself asks for; tasks read for records
	var events sync.Mutex
	r.OnEvent = func(e Event) {
		events.Lock()
		defer events.Unlock()
		c.OnEvent(e)
	}
	release, err := c.Objects.Lock(ctx)
	if errors.Is(err, objstore.ErrLocked) {
		return r.result, base.Errorf(base.Config, "%w: stop the other process first, or choose another state directory", err)
	}
	if err != nil {
		return r.result, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := r.openCache(ctx); err != nil {
		return r.result, err
	}
	defer r.closeCache()
	manifest, err := r.open(ctx)
	if err != nil {
		return r.result, err
	}
	if err := r.openResources(); err != nil {
		return r.result, err
	}
	defer r.resources.Close()
	defer r.manageMemory(ctx)()
	err = r.attempts(ctx, manifest)
	return r.result, err
}

// limits are how many requests to the object store may be under way. Reads of records find most of the room free.
var limits = scheduled.Limits{
	Total: parallelReads + 32,
	Most: [objstore.Purposes]int{
		objstore.Record: parallelReads, objstore.Checkpoint: 64, objstore.Compaction: 16, objstore.WarmUp: 4,
	},
	Least: [objstore.Purposes]int{
		objstore.Record: 64, objstore.Checkpoint: 8, objstore.Compaction: 2, objstore.WarmUp: 4,
	},
}

// openResources opens what the shards of the process share. Half of the processors are left to the tasks.
func (r *run) openResources() (err error) {
	r.cached = r.disk.Over(patient.Reads(r.Objects, readPatience), r.store.Origin())
	r.resources, err = lsm.NewResources(r.cached, r.BlockCache, parallelReads, max(1, runtime.GOMAXPROCS(0)/2))
	return err
}

// manageMemory keeps to the bound on memory until the returned function is called.
func (r *run) manageMemory(ctx context.Context) (stop func()) {
	if r.Memory == nil {
		r.Memory = memory.NewLimit(0)
	}
	r.memory = memory.NewManager(r.Memory, r.Budget, r.resources.Blocks(), r.resources)
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { r.memory.Run(ctx) })
	return func() { cancel(); group.Wait() }
}

// open finds the checkpoint to go on from and makes sure that the program fits it; only then does it claim
// the term, which is the first thing written.
func (r *run) open(ctx context.Context) (m *checkpoint.Manifest, err error) {
	if r.store, err = store.Open(ctx, r.Objects, r.Plan.Name); err != nil {
		return nil, err
	}
	if r.From > 0 {
		m, err = r.store.Load(ctx, r.From)
	} else {
		m, err = r.store.Latest(ctx)
	}
	if err != nil {
		return nil, err
	}
	if m != nil {
		if err := compatible(r.Plan, m, r.AllowDropped); err != nil {
			return nil, err
		}
		r.result.ResumedFrom, r.result.LastCheckpoint = m.Checkpoint, m.Checkpoint
		r.OnEvent(Resumed{m.Checkpoint, time.UnixMilli(m.Created)})
	}
	if r.store.Fresh() {
		if err := objstore.Probe(ctx, r.Objects); err != nil {
			return nil, err
		}
	}
	r.found = r.store.Known()
	r.term, err = r.store.BeginTerm(ctx) // which fails if the head is not as it is known
	return m, err
}

// attempts runs the job again and again until it ends or has failed too often. A job that is stopped in the pause
// after a failure ends with that failure: there was no last checkpoint.
func (r *run) attempts(ctx context.Context, m *checkpoint.Manifest) error {
	r.strategy = restarts{most: r.Restarts, delay: r.RestartDelay, jitter: r.Jitter}
	for n := 1; ; n++ {
		r.calm, r.anew = time.Now(), false
		err := r.attempt(ctx, m, n)
		if err == nil && r.anew {
			continue
		}
		if err == nil || ctx.Err() != nil || r.over {
			return err
		}
		r.failed(err, nil)
		pause, again := r.strategy.failed(r.undisturbed())
		if final := base.KindOf(err) != base.Failed || errors.Is(err, store.ErrDeposed); final || !again {
			return err
		}
		restarting := r.restarting(err, pause)
		r.retell()
		r.OnEvent(restarting)
		select {
		case <-time.After(pause):
		case <-r.Stop:
			return fmt.Errorf("%w, after: %w", ErrStopped, err)
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// latest is the checkpoint to go on from after a failure: the newest of this run, or the one it began with. It
// asks the store, which may know of one whose answer was lost, and of a later term, whose output is not to be
// touched.
func (r *run) latest(ctx context.Context, first *checkpoint.Manifest) (*checkpoint.Manifest, error) {
	newest, err := r.store.Newest(ctx)
	if err != nil || newest == r.found {
		return first, err
	}
	r.result.LastCheckpoint = newest
	return r.store.Latest(ctx)
}

// attempt runs the tasks once; n counts the attempts, from 1. Sources are asked for their splits before sinks
// touch anything.
func (r *run) attempt(ctx context.Context, m *checkpoint.Manifest, n int) (err error) {
	first := m
	if n > 1 {
		if m, err = r.latest(ctx, m); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := newAttempt(r, first, m)
	defer func() {
		for _, w := range a.workers() {
			r.rowsRead += rowsRead(w)
			err = errors.Join(err, w.Close())
		}
	}()
	for _, region := range a.regions {
		if region.worker, err = region.build(ctx, m); err != nil {
			return r.offerPrevious(ctx, m, err)
		}
	}
	defer r.warm(ctx, m)()
	if err := a.recoverSinks(ctx, r.Plan, m); err != nil {
		return err
	}
	return r.offerPrevious(ctx, m, a.drive(ctx))
}

// recoverSinks commits what the checkpoint holds of the sinks of a plan and clears what was written after it.
func (a *attempt) recoverSinks(ctx context.Context, p *plan.Physical, m *checkpoint.Manifest) error {
	a.sinks.Lock()
	defer a.sinks.Unlock()
	for _, n := range p.Nodes() {
		if n.Sink == nil {
			continue
		}
		if err := n.Sink.Recover(ctx, committables(m, n.UID)); err != nil {
			return fmt.Errorf("sink %q: %w", n.Name, err)
		}
	}
	return nil
}

// committables are what the writers of a sink prepared for the checkpoint.
func committables(m *checkpoint.Manifest, uid string) [][]byte {
	var all [][]byte
	if m == nil {
		return nil
	}
	for _, op := range m.Operators {
		if op.UID != uid {
			continue
		}
		for _, s := range op.Subtasks {
			all = append(all, s.Committables...)
		}
	}
	return all
}
