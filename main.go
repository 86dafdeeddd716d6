package aquifer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/gcpace"
)

// Exit codes of programs that use Main, and of the command aquifer.
const (
	// ExitDone: all input has been processed.
	ExitDone = 0
	// ExitFailed: the job failed for good, or, of a plan: a restore would lose state or cannot be made.
	ExitFailed = 1
	// ExitUsage: wrong usage or configuration, which no restart can mend. Checkpoints stay as they are.
	ExitUsage = 2
	// ExitInterrupted: stopped by a signal, after a last checkpoint, or in the pause before a restart, when the last
	// checkpoint is that before the failure; started again, the job goes on.
	ExitInterrupted = 3
)

// Main is the main function of a program that is one job. It parses flags, builds the job with the given
// function and runs it; it does not return. See the program's help for the flags.
func Main(build func(*Job) error) {
	name := filepath.Base(os.Args[0])
	var o RunOptions
	var asJSON, planOnly bool
	command := &cobra.Command{
		Use:   name,
		Short: "Run the job " + name,
		Example: fmt.Sprintf("  %[1]s\n  %[1]s --state /var/lib/%[1]s --parallelism 4 --checkpoint-interval 1s\n"+
			"  %[1]s --state /var/lib/%[1]s --metrics 127.0.0.1:9100 --log json", name),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			job := NewJob(name)
			if err := build(job); err != nil {
				return err
			}
			if planOnly {
				return job.PrintRestore(c.Context(), o, asJSON, os.Stdout)
			}
			result, err := RunUntilSignal(c.Context(), job, o, os.Stderr)
			if asJSON {
				err = errors.Join(err, json.NewEncoder(os.Stdout).Encode(result))
			}
			return err
		},
	}
	o.AddFlags(command.Flags())
	AddPlanFlag(command.Flags(), &planOnly)
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object about the run on standard output at its end")
	os.Exit(Execute(command, os.Stderr))
}

// Execute runs a command whose work is running jobs and returns its exit code. Errors are printed on stderr.
func Execute(command *cobra.Command, stderr io.Writer) int {
	begun := false
	refuseUnknownTopics(command)
	onRun(command, func() { begun = true })
	command.DisableSuggestions = true // an error is one line
	c, err := command.ExecuteContextC(context.Background())
	if err != nil && !begun {
		err = base.Errorf(base.Config, "%w (see %s --help)", err, c.CommandPath())
	}
	return ExitCode(err, command.Name(), stderr)
}

// refuseUnknownTopics makes help about a command that does not exist a mistake, as the command itself would be.
func refuseUnknownTopics(command *cobra.Command) {
	command.InitDefaultHelpCmd()
	for _, c := range command.Commands() {
		if c.Name() != "help" {
			continue
		}
		c.Args = func(_ *cobra.Command, topic []string) error {
			if _, rest, err := command.Find(topic); err != nil || len(rest) > 0 {
				return fmt.Errorf("there is no help about %q", strings.Join(topic, " "))
			}
			return nil
		}
	}
}

// onRun has a function called before the work of a command, or of one below it, begins.
func onRun(command *cobra.Command, call func()) {
	if run := command.RunE; run != nil {
		command.RunE = func(c *cobra.Command, args []string) error {
			call()
			return run(c, args)
		}
	}
	for _, c := range command.Commands() {
		onRun(c, call)
	}
}

// ExitCode prints what an error says, for a program of the given name, and returns the exit code for it.
func ExitCode(err error, name string, stderr io.Writer) int {
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, ErrInterrupted):
		return ExitInterrupted
	}
	fmt.Fprintf(stderr, "%s: %v\n", name, err)
	if base.KindOf(err) == base.Config {
		return ExitUsage
	}
	return ExitFailed
}

// ErrInterrupted is returned for a run that was ended before its input, by a signal or because it was asked to stop, after
// its last checkpoint or before a restart.
var ErrInterrupted = errors.New("interrupted")

// AddFlags adds the flags for the options to a set, with their defaults.
func (o *RunOptions) AddFlags(f *pflag.FlagSet) {
	d := RunOptions{}.withDefaults()
	f.StringVar(&o.State, "state", "",
		"directory, s3://bucket/prefix, gs://bucket/prefix or az://account/container/prefix that state is kept in: "+
			"started again with it, the job goes on (default: in memory)")
	f.IntVar(&o.Parallelism, "parallelism", d.Parallelism, "subtasks of each operator")
	f.IntVar(&o.MaxParallelism, "max-parallelism", d.MaxParallelism, "number of key groups, for the life of the state")
	o.CheckpointInterval = d.CheckpointInterval
	f.Var(intervalFlag{&o.CheckpointInterval}, "checkpoint-interval",
		"time between checkpoints (negative: only at the end; auto: as often as --checkpoint-overhead allows)")
	f.Float64Var(&o.CheckpointOverhead, "checkpoint-overhead", d.CheckpointOverhead,
		"share of the time that checkpoints may cost, for --checkpoint-interval auto")
	f.DurationVar(&o.CheckpointPause, "checkpoint-pause", 0, "least time from the end of a checkpoint to the next one")
	f.DurationVar(&o.CheckpointTimeout, "checkpoint-timeout", d.CheckpointTimeout, "give up a checkpoint after this time")
	f.DurationVar(&o.UnalignedAfter, "unaligned-after", 0,
		"let barriers overtake rows that they have waited behind for so long (0: never, negative: at once)")
	f.Int64Var(&o.UnalignedAbove, "unaligned-above", 0,
		"let barriers overtake rows at once where more bytes of them are queued or wait for state (0: no bound)")
	f.IntVar(&o.TolerateFailures, "tolerate-failures", d.TolerateFailures,
		"checkpoints that may fail in a row before the job does")
	f.IntVar(&o.Retain, "retain", d.Retain, "checkpoints to keep")
	f.Uint64Var(&o.From, "from", 0, "restore this checkpoint or savepoint instead of the latest")
	f.BoolVar(&o.AllowDroppedState, "allow-dropped-state", false,
		"lose state for good that the checkpoint has and the program does not")
	f.IntVar(&o.Restarts, "restarts", d.Restarts, "restarts in a row before a failing job gives up (negative: none)")
	f.DurationVar(&o.RestartDelay, "restart-delay", 0, "pause before each restart (0: from 100ms, doubling, to 30s)")
	f.Int64Var(&o.Memory, "memory", 0,
		"bound on the memory of the process in bytes; state beyond it is read from --state when it is needed (0: none)")
	f.StringVar(&o.Cache, "cache", "", "directory for a disk cache of what is in --state (default: none)")
	f.Int64Var(&o.CacheSize, "cache-size", d.CacheSize, "size of the disk cache in bytes")
	f.Int64Var(&o.CacheKeepFree, "cache-keep-free", d.CacheKeepFree,
		"space of the cache's disk that is left to others in bytes (negative: none)")
	f.DurationVar(&o.FlushAfter, "flush-after", d.FlushAfter, "longest wait of a row for its batch to fill")
	f.StringVar(&o.Metrics, "metrics", "",
		"serve metrics for Prometheus at this host:port, under /metrics; port 0 takes a free one (default: none)")
	f.StringVar(&o.MetricsCredentials, "metrics-credentials", "",
		"file with user:password or a bearer token that readers of metrics must show; needed beyond loopback")
	f.StringVar(&o.Control, "control", ControlAuto,
		"path of a Unix socket for aquifer job; auto for one that it finds by the job's name, none for none")
	f.Var(&logFlag{logger: &o.Logger}, "log", "write records on standard error instead of progress (default: progress)")
	f.BoolVar(&o.AcceptLoss, "accept-loss", false, "allow sources that cannot be read again after a failure")
}

// RunUntilSignal runs the job and reports progress on w, unless there is a Logger, which is told more. It runs until
// its input ends or the process gets SIGINT or SIGTERM: the job then takes a last checkpoint, unless it waits to be
// restarted after a failure, and ErrInterrupted is returned. So it is when o.Stop is closed. A signal after that ends it
// at once.
// Unless GOGC is set, the garbage collector meanwhile runs as often as suits a job: when the heap has grown by what
// there is to scan, and by 128 MiB at least, or 32 where memory is bounded.
func RunUntilSignal(ctx context.Context, job *Job, o RunOptions, w io.Writer) (Result, error) {
	defer gcpace.Start()()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop, asked := make(chan struct{}), o.Stop
	o.Stop = stop
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-signals:
		case <-asked:
		case <-done:
			return
		}
		close(stop)
		select {
		case s := <-signals:
			cancel(fmt.Errorf("ended by a second signal (%v), without a last checkpoint", s))
		case <-done:
		}
	}()
	if o.Logger != nil {
		w = io.Discard // the logger tells it all
	}
	status := newStatusLine(w)
	next := o.OnEvent
	o.OnEvent = func(e Event) {
		status.show(e)
		if next != nil {
			next(e)
		}
	}
	result, err := job.Run(ctx, o)
	close(done)
	<-watched
	status.end()
	if err == nil && !result.Finished || errors.Is(err, coordinator.ErrStopped) { // that failure has been shown
		err = ErrInterrupted
		fmt.Fprintln(w, farewell(o.State, result.LastCheckpoint))
	}
	return result, err
}

// farewell says what becomes of a job that a signal ended.
func farewell(state string, checkpoint uint64) string {
	if state == "" {
		return "interrupted: state was in memory only, started again the job begins anew (--state keeps it)"
	}
	if checkpoint == 0 {
		return "interrupted before the first checkpoint: started again, the job begins anew"
	}
	return fmt.Sprintf("interrupted after checkpoint %d: started again, the job goes on from there", checkpoint)
}
