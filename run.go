package aquifer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/diskcache"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// RunOptions say how a job is run. The zero value is ready to use: everything has a default.
type RunOptions struct {
	// State is where checkpoints are kept: a directory; s3://bucket/prefix with the parameters region, endpoint and
	// path-style, as in s3://bucket/prefix?endpoint=http://localhost:9000&path-style=true; gs://bucket/prefix; or
	// az://account/container/prefix. Credentials come from the environment, as of other programs that use these stores;
	// docs/places.md says which. A job started again with the same State goes on where the last
	// checkpoint was. Empty keeps state in memory: a job then survives failures of its tasks, but not of the process.
	State string
	// Parallelism is the number of subtasks of operators without their own; default: the number of CPUs.
	Parallelism int
	// MaxParallelism bounds the parallelism for the life of the state; default 256.
	MaxParallelism int
	// CheckpointInterval is the time between checkpoints; default 10 s, AutoInterval to have the job choose it by
	// CheckpointOverhead, any other negative one for none but the last.
	CheckpointInterval time.Duration
	// CheckpointOverhead is the share of the time that checkpoints may take from the rows, as CheckpointStored.Cost says,
	// when the interval is AutoInterval; default 0.03. They are that often, but not more than once a second.
	CheckpointOverhead float64
	// CheckpointPause is the least time from the end of a checkpoint to the begin of the next one that nobody asks for.
	CheckpointPause time.Duration
	// CheckpointTimeout ends an attempt at a checkpoint; default 10 minutes.
	CheckpointTimeout time.Duration
	// UnalignedAfter is how long the barriers of a checkpoint wait for the rows in front of them; then they overtake
	// these, which become part of the checkpoint. Zero for as long as it takes, negative for not at all. A job whose rows
	// come faster than they are processed has checkpoints in time with it, and larger ones. The last one, at a stop or
	// at the end, always waits.
	UnalignedAfter time.Duration
	// UnalignedAbove lets barriers overtake at once where more than so many bytes of rows are queued in front of an
	// operator's subtask or wait in it for state, whatever UnalignedAfter says. Zero is for no such bound. Bytes are those of memory.
	UnalignedAbove int64
	// TolerateFailures is how many checkpoints in a row may fail before the job does; default 3, negative
	// for none.
	TolerateFailures int
	// Retain is the number of checkpoints kept; default 3.
	Retain int
	// From restores the given retained checkpoint, or savepoint, instead of the latest.
	From uint64
	// AllowDroppedState lets go of state for good that the checkpoint has and the program does not: of operators with
	// a uid that is gone, and states that their operators do not declare. Without it they are refused, by name.
	AllowDroppedState bool
	// Restarts is how many times in a row a failed job is restarted from its last checkpoint, before
	// it gives up; default 10, negative for never. Five minutes without a failure make it forget those before.
	Restarts int
	// RestartDelay is the pause before each restart; default: one that doubles with each failure in a row, from 100 ms
	// to 30 s, less up to a fifth of it by chance.
	RestartDelay time.Duration
	// Memory bounds the memory of the process in bytes; zero for no bound. Keyed state that does not fit is read from
	// State when it is needed. The garbage collector is told the bound while the job runs, unless GOMEMLIMIT is set.
	// Below some 256 MiB a process takes more than its bound.
	Memory int64
	// Cache is a directory for a disk cache of what is read from State and written to it: no more than a cache, it may be
	// deleted while no job uses it, and a disk that fails or is full makes the job slower and nothing else. It serves
	// one process at a time, also after a restart, and is best on a disk of the machine's own. Empty for none.
	Cache string
	// CacheSize bounds the cache in bytes; default 10 GiB. CacheKeepFree is how much space of its disk is left to
	// others; default 1 GiB, negative for none.
	CacheSize, CacheKeepFree int64
	// Limits, if not nil, changes bounds while the job runs. One may be used for one run at a time.
	Limits *Limits
	// FlushAfter bounds how long a row waits for its batch to fill; default 10 ms.
	FlushAfter time.Duration
	// AcceptLoss allows sources that cannot be replayed, such as standard input.
	AcceptLoss bool
	// Stop, when closed, ends the job after a checkpoint; started again, it goes on. In the pause before a restart
	// there is no checkpoint to take: the job ends at once, with the failure that it was to be restarted after.
	Stop <-chan struct{}
	// Requests, if not nil, asks the job for checkpoints and savepoints while it runs.
	Requests *Requests
	// Control is the path of a Unix socket at which the command aquifer job, run by the same user, looks at the job and
	// asks it for savepoints or its end, for as long as it runs; ControlAuto for one in a directory that the command
	// knows, empty or "none" for none. What a killed process has left at the path is replaced.
	Control string
	// OnEvent hears of checkpoints, restarts and progress. It must not block.
	OnEvent func(Event)
	// Metrics is the host:port at which the numbers of docs/metrics.md are served over HTTP, at /metrics, for as long as
	// the job runs; empty for none. Port 0 takes a free one: the event MetricsServed says which. An address that other
	// machines can reach needs MetricsCredentials.
	Metrics string
	// MetricsCredentials is the path of a file with what readers of Metrics must show: one line, user:password for basic
	// authentication or a bearer token. It is read when the job starts.
	MetricsCredentials string
	// Logger gets a record of each event that matters, and now and then of what state and store do; nil for none.
	// docs/operations.md lists the records. A handler that blocks holds up the job.
	Logger *slog.Logger

	objects objstore.Store // instead of State, in tests
}

// Failure is one that ended the tasks of a run; what followed it is a restart, or the end of the run.
type Failure = coordinator.Failure

// Result says how a run ended.
type Result struct {
	// Finished is true when all input has been processed; false when the job was stopped.
	Finished bool `json:"finished"`
	// ResumedFrom is the checkpoint that the run went on from, or 0.
	ResumedFrom uint64 `json:"resumed_from"`
	// LastCheckpoint is the newest one stored, or 0.
	LastCheckpoint uint64 `json:"last_checkpoint"`
	// CheckpointsCompleted and CheckpointsFailed count those of this run, Restarts its restarts.
	CheckpointsCompleted int `json:"checkpoints_completed"`
	CheckpointsFailed    int `json:"checkpoints_failed"`
	Restarts             int `json:"restarts"`
	// RowsRead is the number of rows that sources read in this run.
	RowsRead int64 `json:"rows_read"`
	// StateBytes is the size of the tables of the last checkpoint.
	StateBytes int64 `json:"state_bytes"`
	// Failures are the last 16 that ended the tasks, oldest first: those that a restart followed, and the one that ended
	// the run.
	Failures []Failure `json:"failures,omitempty"`
	// Metrics are the numbers that the job told of itself at its end: docs/metrics.md explains them.
	Metrics []Sample `json:"-"`
}

// withDefaults fills in what is zero.
func (o RunOptions) withDefaults() RunOptions {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	or(&o.Parallelism, runtime.NumCPU())
	or(&o.MaxParallelism, base.DefaultMaxParallelism)
	or(&o.TolerateFailures, 3)
	or(&o.Retain, 3)
	or(&o.Restarts, 10)
	o.CacheSize = cmp.Or(o.CacheSize, 10<<30)
	o.CacheKeepFree = cmp.Or(o.CacheKeepFree, 1<<30)
	orDuration := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if o.CheckpointOverhead == 0 {
		o.CheckpointOverhead = 0.03
	}
	orDuration(&o.CheckpointInterval, 10*time.Second)
	orDuration(&o.CheckpointTimeout, 10*time.Minute)
	orDuration(&o.FlushAfter, 10*time.Millisecond)
	return o
}

// validate returns all that is wrong with the options.
func (o RunOptions) validate() error {
	var wrong []error
	if o.Retain < 1 {
		wrong = append(wrong, fmt.Errorf("retain %d checkpoints: at least one must be kept", o.Retain))
	}
	if o.CheckpointTimeout < 0 {
		wrong = append(wrong, fmt.Errorf("checkpoint timeout %v is negative", o.CheckpointTimeout))
	}
	if o.FlushAfter < 0 {
		wrong = append(wrong, fmt.Errorf("flush after %v is negative", o.FlushAfter))
	}
	if o.RestartDelay < 0 {
		wrong = append(wrong, fmt.Errorf("restart delay %v is negative", o.RestartDelay))
	}
	if o.Memory < 0 {
		wrong = append(wrong, fmt.Errorf("memory %d bytes is negative", o.Memory))
	}
	if o.Metrics == "" && o.MetricsCredentials != "" {
		wrong = append(wrong, errors.New("credentials for metrics, but no address to serve them at"))
	}
	if !(o.CheckpointOverhead > 0 && o.CheckpointOverhead < 1) {
		wrong = append(wrong, fmt.Errorf("checkpoints that cost a share of %v of the time: it must be between 0 and 1, like 0.03",
			o.CheckpointOverhead))
	}
	if o.UnalignedAbove < 0 {
		wrong = append(wrong, fmt.Errorf("barriers that overtake above %d queued bytes: the number is negative", o.UnalignedAbove))
	}
	if o.CacheSize < 0 {
		wrong = append(wrong, fmt.Errorf("disk cache of %d bytes: the size is negative", o.CacheSize))
	}
	if len(wrong) > 0 {
		return base.Errorf(base.Config, "%w", errors.Join(wrong...))
	}
	return nil
}

// Run runs the job until its input ends, Stop is closed, ctx ends or it fails for good. Mistakes in the
// program or the options are all reported before anything is touched.
func (j *Job) Run(ctx context.Context, options RunOptions) (Result, error) {
	o := options.withDefaults()
	if err := o.validate(); err != nil {
		return Result{}, err
	}
	physical, err := o.compile(&j.graph)
	if err != nil {
		return Result{}, err
	}
	w, err := o.observe(ctx, physical.Name)
	if err != nil {
		return Result{}, err
	}
	o.OnEvent = w.hear
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c, err := o.serveControl(physical, cancel)
	if err != nil {
		return Result{}, w.end(Result{}, err)
	}
	result, err := o.run(ctx, physical)
	return result, w.end(result, c.end(result, err))
}

// compile plans a job.
func (o RunOptions) compile(g *plan.Graph) (*plan.Physical, error) {
	return plan.Compile(g, plan.Options{
		Parallelism: o.Parallelism, MaxParallelism: o.MaxParallelism, AcceptLoss: o.AcceptLoss,
		Overtake: o.UnalignedAfter != 0 || o.UnalignedAbove > 0,
	})
}

// run runs a job that has been planned.
func (o RunOptions) run(ctx context.Context, physical *plan.Physical) (Result, error) {
	if o.State != "" && !o.hasCheckpoint(ctx, physical.Name) {
		if err := discoverFirst(ctx, physical); err != nil {
			return Result{}, err
		}
	}
	interval, overhead := o.interval()
	objects, err := o.open(ctx)
	if err != nil {
		return Result{}, err
	}
	r, err := coordinator.Run(ctx, coordinator.Config{
		Plan: physical, Objects: objects, Memory: o.Limits.begin(o), Budget: keyed.NewBudget(o.Memory),
		MaxDirty: maxDirty, BlockCache: blockCache,
		Cache:    diskcache.Config{Dir: o.Cache, Size: o.CacheSize, KeepFree: max(0, o.CacheKeepFree)},
		OnCache:  o.Limits.setCache,
		Interval: interval, Timeout: o.CheckpointTimeout, Pause: max(0, o.CheckpointPause), Overhead: overhead,
		Tolerated: max(0, o.TolerateFailures), Retain: o.Retain, From: o.From, AllowDropped: o.AllowDroppedState,
		Restarts: max(0, o.Restarts), RestartDelay: o.RestartDelay, Jitter: rand.Float64,
		Unaligned: o.Limits.unaligned(o), FlushAfter: o.FlushAfter, Stop: o.Stop, Requests: o.Requests,
		OnEvent: o.OnEvent,
	})
	return Result(r), err
}

const (
	// maxDirty is how many bytes of changes an operator's subtask keeps before it writes them out, at most.
	maxDirty = 256 << 20
	// blockCache is the memory for blocks of tables in jobs without a bound on memory, taken when state is read after a
	// restore. The filters of the upper levels must fit beside what comes and goes: those of 10 GB do not in 64 MB.
	blockCache = 256 << 20
)

// open returns the store that the job's state is kept in.
func (o RunOptions) open(ctx context.Context) (objstore.Store, error) {
	if o.objects != nil {
		return o.objects, nil
	}
	if o.From > 0 && o.State != "" {
		if _, err := open.Existing(ctx, o.State); errors.Is(err, fs.ErrNotExist) { // nor is it made now, in vain
			return nil, err
		}
	}
	return open.Store(ctx, cmp.Or(o.State, open.Memory))
}
