package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/bench/state"
	"github.com/aquifer-stream/aquifer/internal/gcpace"
)

func benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure queries, state that is larger than memory, asynchronous access to it, and checkpoints",
		Long: `Measure queries, state that is larger than memory, asynchronous access to it, and checkpoints.

What is measured is shown as a table, or with --json as one JSON object. All of it is made in memory, or in a temporary
directory (TMPDIR), and removed at the end.`,
		Example: `  aquifer bench state
  aquifer bench nexmark --queries q4,q9
  aquifer bench async
  aquifer bench checkpoint --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(benchNexmarkCommand(), benchStateCommand(), benchAsyncCommand(), benchCheckpointCommand())
	return c
}

func benchStateCommand() *cobra.Command {
	var o state.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "state",
		Short: "Measure keyed state that is several times the memory for it",
		Long: `Measure keyed state that is several times the memory for it.

A job counts keys: a source, a key-by, a function with one value a key. Its state is in a directory whose reads take as
long as those of an object store (--latency), and is several times the bound on the memory of the process (--ratio). It is
measured without a disk cache, and with one that may have a part of the state's size in the store (--cache-fraction).
Beside it, Pebble counts the same keys on the local disk, with a cache as large as the job's bound; the system's page
cache helps it, but not the job, whose reads have their latency all the same. What all are compared with is the job with
all state in memory.

First each key is counted once, without bounds. Then keys are drawn until the memory is full and the disk cache too, and
what follows is measured. A row that misses the memory waits, and with it what follows of its key; the misses of a batch
are read in parallel. Quantiles of the times that reads take are interpolated within the buckets of a histogram.

At the end, for the first distribution and ratio, such waits are compared between a job that compacts all the time, with
a checkpoint every second, and one whose compactions are held back meanwhile (--compaction): the p99 should differ by
at most two times.`,
		Example: `  aquifer bench state
  aquifer bench state --keys 1000000 --ratio 4 --dist zipf --records 50000
  aquifer bench state --keys 20000000 --ratio 4,16 --records 200000
  aquifer bench state --latency 1ms --compaction=false --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return conduct(c, asJSON, o.Check, func(ctx context.Context, progress io.Writer) (printable, error) {
				return state.Run(ctx, o, progress)
			})
		},
	}
	f := c.Flags()
	f.Int64Var(&o.Keys, "keys", 2_000_000, "keys in the state")
	f.Int64Var(&o.Records, "records", 50_000, "records measured for each row of the table, ten times as many in memory")
	f.Float64SliceVar(&o.Ratios, "ratio", []float64{4}, "how many times the memory the state is")
	f.DurationVar(&o.Latency, "latency", 20*time.Millisecond, "what a read of an object takes at least")
	f.StringSliceVar(&o.Distributions, "dist", []string{state.Uniform, state.Zipf}, "distributions of keys")
	f.Float64Var(&o.CacheFraction, "cache-fraction", 0.25, "size of a disk cache by that of the state's tables (0: none)")
	f.BoolVar(&o.Compaction, "compaction", true, "compare waits for state with and without compactions")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// printable is a report for people, that can be encoded as well.
type printable interface{ Print(w io.Writer) }

// conduct measures and prints, until the process gets a signal. Options are checked first.
func conduct(
	c *cobra.Command, asJSON bool, check func() error, run func(context.Context, io.Writer) (printable, error),
) error {
	if err := check(); err != nil {
		return err
	}
	defer gcpace.Start()()
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, c.ErrOrStderr())
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.Join(aquifer.ErrInterrupted, err)
	case err != nil:
		return err
	case asJSON:
		return json.NewEncoder(c.OutOrStdout()).Encode(r)
	}
	r.Print(c.OutOrStdout())
	return nil
}
