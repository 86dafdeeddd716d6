package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer"
	source "github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/nexmark"
)

// report is the object that --json prints. Fields are added, never renamed.
type report struct {
	Query                string  `json:"query"`
	Events               int64   `json:"events"`
	Rows                 int64   `json:"rows"`
	Hash                 *string `json:"hash"`
	WallS                float64 `json:"wall_s"`
	CPUS                 float64 `json:"cpu_s"`
	EventsPerS           float64 `json:"events_per_s"`
	EventsPerCPUS        float64 `json:"events_per_cpu_s"`
	PeakRSSBytes         int64   `json:"peak_rss_bytes"`
	CheckpointsCompleted int     `json:"checkpoints_completed"`
	CheckpointsFailed    int     `json:"checkpoints_failed"`
	ResumedFrom          uint64  `json:"resumed_from"`
	Parallelism          int     `json:"parallelism"`
	Restarts             int     `json:"restarts"`
	StateBytes           int64   `json:"state_bytes"`
	Finished             bool    `json:"finished"`
	// Latency is there if it was asked for and rows were timed.
	Latency *nexmark.Latency `json:"latency,omitempty"`
	// Failures are the last ones that a restart followed.
	Failures []aquifer.Failure `json:"failures,omitempty"`
	// Metrics are numbers by name{labels}, as docs/metrics.md lists them.
	Metrics map[string]float64 `json:"metrics"`
}

// nexmarkFlags are the flags of the nexmark command.
type nexmarkFlags struct {
	config  source.Config
	run     aquifer.RunOptions
	out     string
	latency bool
	json    bool
	plan    bool // only print what a restore would do
}

func nexmarkCommand() *cobra.Command {
	var f nexmarkFlags
	c := &cobra.Command{
		Use:   "nexmark QUERY",
		Short: "Run a query of the Nexmark benchmark, or all of them",
		Long: "Run a query of the Nexmark benchmark on events made on the spot: " + strings.Join(nexmark.Names(), ", ") + `.

The result goes nowhere but a counter (--out discard), a hash that does not depend on the order of rows (--out hash), or
into a directory as lines of text (--out DIR), exactly once.

The query all runs one after the other and prints a line of each, or with --json one JSON object of each; what --state and
--out name has a part for each of them then. Peak memory is that of the process so far: aquifer bench nexmark
measures each query in a process of its own.

With --pace events come by the clock: --speed times --rate of them in a second. With --latency as well, the report has
how long rows took from when their event time was due until the output had them (rows of windows: from the window's
end), without those of the last four seconds of event time.`,
		Example: `  aquifer nexmark q5
  aquifer nexmark q18 --events 10000000 --state /tmp/q18 --checkpoint-interval 1s
  aquifer nexmark q5 --events 100000000 --metrics 127.0.0.1:9100
  aquifer nexmark q0 --out hash --json
  aquifer nexmark all --events 100000 --out hash
  aquifer nexmark q5 --events 2000000 --pace --speed 4 --latency`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			run := runNexmark
			if args[0] == allQueries {
				run = runAll
			}
			return run(c.Context(), args[0], f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.Int64Var(&f.config.Events, "events", 1_000_000, "number of events")
	flags.Int64Var(&f.config.Rate, "rate", 100_000, "events per second of event time")
	flags.Uint64Var(&f.config.Seed, "seed", 1, "seed of the generator")
	flags.Int64Var(&f.config.Group, "group", 1, "events are out of order within groups of this size")
	flags.BoolVar(&f.config.Pace, "pace", false, "make no event before its time has come, counted from the start")
	flags.Float64Var(&f.config.Speed, "speed", 1, "event time passes so many times as fast as the clock, with --pace")
	flags.BoolVar(&f.latency, "latency", false, "tell how long rows take from when they are due, with --pace")
	flags.StringVar(&f.out, "out", "discard", "discard, hash or a directory")
	flags.BoolVar(&f.json, "json", false, "print one JSON object at the end")
	f.run.AddFlags(flags)
	aquifer.AddPlanFlag(flags, &f.plan)
	return c
}

func runNexmark(ctx context.Context, name string, f nexmarkFlags, stdout, stderr io.Writer) error {
	return f.one(ctx, name, stdout, stderr, report.print)
}

// one runs a query and shows its report.
func (f nexmarkFlags) one(
	ctx context.Context, name string, stdout, stderr io.Writer, show func(report, io.Writer),
) error {
	q, err := nexmark.ByName(name)
	if err != nil {
		return err
	}
	out := nexmark.NewOutput(f.out)
	if err := f.time(out); err != nil {
		return err
	}
	job := aquifer.NewJob("nexmark-" + name)
	q.Build(job, f.config, out)
	if f.plan {
		return job.PrintRestore(ctx, f.run, f.json, stdout)
	}
	begin, cpu := time.Now(), measure.CPUTime()
	result, err := aquifer.RunUntilSignal(ctx, job, f.run, stderr)
	if err != nil && !errors.Is(err, aquifer.ErrInterrupted) {
		return err
	}
	r := newReport(q, result, out)
	r.WallS, r.CPUS = time.Since(begin).Seconds(), (measure.CPUTime() - cpu).Seconds()
	r.Parallelism, r.PeakRSSBytes = f.run.Parallelism, measure.PeakResident()
	r.EventsPerS, r.EventsPerCPUS = float64(r.Events)/r.WallS, float64(r.Events)/r.CPUS
	if f.json {
		return errors.Join(err, json.NewEncoder(stdout).Encode(r))
	}
	show(r, stdout)
	return err
}

// ahead is how long before the first event is due a job begins whose rows are timed: its start is not in their time.
const ahead = time.Second

// time has the output time its rows, if that is wanted.
func (f *nexmarkFlags) time(out *nexmark.Output) error {
	if !f.latency {
		return nil
	}
	if !f.config.Pace || f.config.Events == 0 {
		return base.Errorf(base.Config, "--latency: rows can be timed when they come by the clock, and to an end: "+
			"give --pace and --events")
	}
	f.config.Begin = time.Now().Add(ahead)
	out.Time(f.config)
	return nil
}

func newReport(q nexmark.Query, result aquifer.Result, out *nexmark.Output) report {
	rows, hash := out.Total()
	r := report{
		Query: q.Name, Events: result.RowsRead, Rows: rows, ResumedFrom: result.ResumedFrom,
		CheckpointsCompleted: result.CheckpointsCompleted, CheckpointsFailed: result.CheckpointsFailed,
		Restarts: result.Restarts, StateBytes: result.StateBytes, Finished: result.Finished,
		Failures: result.Failures, Metrics: metric.Map(result.Metrics), Latency: out.Latency(),
	}
	if out.Hashed() {
		text := nexmark.HashText(hash)
		r.Hash = &text
	}
	return r
}

// print shows the report to a person.
func (r report) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d events, %d rows", r.Query, r.Events, r.Rows)
	if r.Hash != nil {
		fmt.Fprintf(w, ", hash %s", *r.Hash)
	}
	fmt.Fprintf(w, "\n%.2f s, %.2f s of CPU: %.0f events/s, %.0f events per second of CPU; peak memory %d MiB; "+
		"%d checkpoints, %d failed\n",
		r.WallS, r.CPUS, r.EventsPerS, r.EventsPerCPUS, r.PeakRSSBytes>>20, r.CheckpointsCompleted, r.CheckpointsFailed)
	if l := r.Latency; l != nil {
		fmt.Fprintf(w, "%d rows came %.1f ms after they were due (median; p99 %.1f ms, at most %.1f ms)\n",
			l.Rows, l.P50MS, l.P99MS, l.MaxMS)
	}
}
