package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer"
	source "github.com/aquifer-stream/aquifer/connector/nexmark"
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
	// Failures are the last ones that a restart followed.
	Failures []aquifer.Failure `json:"failures,omitempty"`
	// Metrics are numbers by name{labels}, as docs/metrics.md lists them.
	Metrics map[string]float64 `json:"metrics"`
}

// nexmarkFlags are the flags of the nexmark command.
type nexmarkFlags struct {
	config source.Config
	run    aquifer.RunOptions
	out    string
	json   bool
	plan   bool // only print what a restore would do
}

func nexmarkCommand() *cobra.Command {
	var f nexmarkFlags
	c := &cobra.Command{
		Use:   "nexmark QUERY",
		Short: "Run a query of the Nexmark benchmark",
		Long: "Run a query of the Nexmark benchmark on events made on the spot: " + strings.Join(nexmark.Names(), ", ") + `.

The result goes nowhere but a counter (--out discard), a hash that does not depend on the order of rows (--out hash), or
into a directory as lines of text (--out DIR), exactly once.`,
		Example: `  aquifer nexmark q5
  aquifer nexmark q18 --events 10000000 --state /tmp/q18 --checkpoint-interval 1s
  aquifer nexmark q5 --events 100000000 --metrics 127.0.0.1:9100
  aquifer nexmark q0 --out hash --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runNexmark(c.Context(), args[0], f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.Int64Var(&f.config.Events, "events", 1_000_000, "number of events")
	flags.Int64Var(&f.config.Rate, "rate", 100_000, "events per second of event time")
	flags.Uint64Var(&f.config.Seed, "seed", 1, "seed of the generator")
	flags.Int64Var(&f.config.Group, "group", 1, "events are out of order within groups of this size")
	flags.BoolVar(&f.config.Pace, "pace", false, "make no event before its time has come, counted from the start")
	flags.StringVar(&f.out, "out", "discard", "discard, hash or a directory")
	flags.BoolVar(&f.json, "json", false, "print one JSON object at the end")
	f.run.AddFlags(flags)
	aquifer.AddPlanFlag(flags, &f.plan)
	return c
}

func runNexmark(ctx context.Context, name string, f nexmarkFlags, stdout, stderr io.Writer) error {
	q, err := nexmark.ByName(name)
	if err != nil {
		return err
	}
	out := nexmark.NewOutput(f.out)
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
	r.Parallelism, r.PeakRSSBytes = f.run.Parallelism, peakRSS()
	r.EventsPerS, r.EventsPerCPUS = float64(r.Events)/r.WallS, float64(r.Events)/r.CPUS
	if f.json {
		return errors.Join(err, json.NewEncoder(stdout).Encode(r))
	}
	r.print(stdout)
	return err
}

func newReport(q nexmark.Query, result aquifer.Result, out *nexmark.Output) report {
	rows, hash := out.Total()
	r := report{
		Query: q.Name, Events: result.RowsRead, Rows: rows, ResumedFrom: result.ResumedFrom,
		CheckpointsCompleted: result.CheckpointsCompleted, CheckpointsFailed: result.CheckpointsFailed,
		Restarts: result.Restarts, StateBytes: result.StateBytes, Finished: result.Finished,
		Failures: result.Failures, Metrics: metric.Map(result.Metrics),
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
}

// peakRSS is the largest resident set of the process in bytes.
func peakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}
