package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aquifer-stream/aquifer/bench/nexmark"
)

func benchNexmarkCommand() *cobra.Command {
	var o nexmark.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "nexmark",
		Short: "Measure the queries of the Nexmark benchmark, also beside another engine",
		Long: `Measure the queries of the Nexmark benchmark, also beside another engine.

Each run is a process of its own, with its state in a temporary directory, or below --state. Of each query there is a
warm-up, and then in each round a run of half of the events and one of all of them; speeds are those of the events that
the second one has more.
With --peer, the directory of a program "run" that takes the flags of the one for Flink and prints a line of JSON, the
engines take turns; a query should be 5 times as fast as the peer by processor time, all of them 10 times in geometric
mean, and take no more memory than 3 times what the peer has in a checkpoint, and 300 MB.
With --baseline, the results of an earlier run, the table has the ratios to that.

  events/s, per CPU-s  medians of the rounds
  peak, state          most memory of a process, size of the last checkpoint's tables
  requests             to the object store, of a run with all events
  p50, p99             how long rows took from when their event was due until the output had them, with 70 % of the
                       events/s that were measured before; rows of windows wait for the four seconds by which events
                       may be late, too, which pass as fast as event time does

With --out, a directory gets the results (nexmark.json) and a chart (nexmark.svg), written anew after each query.`,
		Example: `  aquifer bench nexmark
  aquifer bench nexmark --queries q4,q9 --events 2000000 --rounds 1 --latency 0
  aquifer bench nexmark --peer DIR --out results
  aquifer bench nexmark --baseline results/nexmark.json --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.Program, err = os.Executable(); err != nil {
				return err
			}
			return conduct(c, asJSON, o.Check, func(ctx context.Context, progress io.Writer) (printable, error) {
				return nexmark.Run(ctx, o, progress)
			})
		},
	}
	nexmarkBenchFlags(c.Flags(), &o)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func nexmarkBenchFlags(f *pflag.FlagSet, o *nexmark.Options) {
	f.StringSliceVar(&o.Queries, "queries", nil, "measure these queries alone, such as q4,q9")
	f.Int64Var(&o.Events, "events", 10_000_000, "events of the larger runs; the others have half of them")
	f.Int64Var(&o.Warmup, "warmup", 2_000_000, "events of the run before those that are measured (0: none)")
	f.IntVar(&o.Rounds, "rounds", 3, "runs of each size; medians count")
	f.IntVar(&o.Parallelism, "parallelism", runtime.NumCPU(), "subtasks of each operator")
	f.DurationVar(&o.Interval, "checkpoint-interval", 10*time.Second, "time between checkpoints")
	f.StringVar(&o.State, "state", "", "place below which each run has its state, such as s3://bucket/bench, and leaves it there "+
		"(default: a temporary directory)")
	f.Int64Var(&o.Memory, "memory", 0, "bound on the memory of each process in bytes, not of the peer (0: none)")
	f.DurationVar(&o.Latency, "latency", 10*time.Second,
		"for how long events come by the clock to time rows (0: not at all)")
	f.StringVar(&o.Peer, "peer", "", `directory of another engine's program "run" (default: none)`)
	f.StringVar(&o.Baseline, "baseline", "", "results of an earlier run to compare with (default: none)")
	f.StringVar(&o.Out, "out", "", "directory for the results and a chart (default: none)")
}
