package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer/bench/async"
)

func benchAsyncCommand() *cobra.Command {
	var o async.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "async",
		Short: "Measure what asynchronous access to state gives, and what it costs",
		Long: `Measure what asynchronous access to state gives, and what it costs.

Each row of the table compares two ways to run the same operator over tables in an object store in memory, whose reads
take as long as those of a bucket (--latency). The two run in turns, several times (--rounds); ratios are medians of those
of a turn. Processor time is that of the process.

  memory      all state in memory: the operator beside the same function over the bare hot table, one key after the other
  cold        keys that are not in memory: as many rows in flight as suit the operator, beside one row at a time
  coarse      one key whose map has a hundred thousand entries; the function declares which of them it reads
  watermarks  a watermark every 1,000 rows: relaxed order beside strict order, for windows and for timers
  park        each row makes a read that nobody could foresee, and that is answered at once: what it costs to put the row
              aside and to go on with it, by the difference to the same with all in memory, less that of the read itself
  swing       a load that swings tenfold: most rows in flight, the largest heap, whether throughput collapses`,
		Example: `  aquifer bench async
  aquifer bench async --only cold,coarse --seconds 5 --rounds 5
  aquifer bench async --keys 100000 --latency 1ms --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return conduct(c, asJSON, o.Check, func(ctx context.Context, progress io.Writer) (printable, error) {
				return async.Run(ctx, o, progress)
			})
		},
	}
	f := c.Flags()
	f.Int64Var(&o.Keys, "keys", 1_000_000, "keys in memory; a fourth of them are below memory")
	f.Float64Var(&o.Seconds, "seconds", 2, "for how long at most a run with reads is fed, in seconds")
	f.IntVar(&o.Rounds, "rounds", 3, "how many times a pair is run")
	f.DurationVar(&o.Latency, "latency", 20*time.Millisecond, "what a read of an object takes at least")
	f.StringSliceVar(&o.Only, "only", nil, "measure these rows alone: "+strings.Join(async.Groups, ", "))
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}
