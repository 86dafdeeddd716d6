package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aquifer-stream/aquifer/bench/checkpoint"
)

func benchCheckpointCommand() *cobra.Command {
	var o checkpoint.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "checkpoint",
		Short: "Measure how long checkpoints take, what they cost, and how soon a job is back",
		Long: `Measure how long checkpoints take, what they cost, and how soon a job is back.

Jobs count keys, with their state in a directory. What is measured is judged by goals.

  intervals  the duration of checkpoints with a short and a long interval, with ten times the changes (--rate): it should
             not grow by more than a half. And the pause at a barrier, in which an operator freezes its state, with a small
             and a large state
  sizes      duration, pause and bytes written with states of several sizes (--sizes), of which the same number of keys
             changes (--changes), spread over all of the state: none of the three should grow
  cost       the throughput of a job that is as fast as its processors, with a checkpoint at each short interval and
             without, in turns
  restore    going on from a checkpoint at the same, half and double parallelism, with states of several sizes: the time
             until the first record is processed whose key has state, and until the rate is as before; requests to the
             store, and objects copied, until that record
  drain      checkpoints while records wait for reads of state (--in-flight, --latency), with barriers that wait for
             these records and with such as save them
  throttled  checkpoints of a job that lags behind its source (--throttle), with barriers that wait for the rows in front
             of them and with such as overtake them
  peer       with --peer, the directory of a program "run" that takes the flags of the one for Flink and prints a line of
             JSON: both engines run q18 of Nexmark with checkpoints (--peer-events), and go on from the last at the same,
             half and double parallelism; ours has events as fast as the peer can take them, and should be sooner done
             with a checkpoint, and back`,
		Example: `  aquifer bench checkpoint
  aquifer bench checkpoint --only sizes,restore --sizes 10MB,1GB
  aquifer bench checkpoint --large 100000000 --rate 50000
  aquifer bench checkpoint --memory 1000000000 --json
  aquifer bench checkpoint --only peer --peer DIR`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return conduct(c, asJSON, o.Check, func(ctx context.Context, progress io.Writer) (printable, error) {
				return checkpoint.Run(ctx, o, progress)
			})
		},
	}
	checkpointFlags(c.Flags(), &o)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func checkpointFlags(f *pflag.FlagSet, o *checkpoint.Options) {
	f.StringSliceVar(&o.Only, "only", nil, "measure these parts alone: "+strings.Join(checkpoint.Parts, ", "))
	f.DurationVar(&o.Short, "short", time.Second, "the short interval between checkpoints")
	f.DurationVar(&o.Long, "long", 10*time.Second, "the long one")
	f.Int64Var(&o.Small, "small", 10_000_000, "the small state in memory, about so many bytes")
	f.Int64Var(&o.Large, "large", 1_000_000_000, "the large one")
	f.Int64Var(&o.Rate, "rate", 500_000, "records per second")
	f.StringSliceVar(&o.Sizes, "sizes", []string{"10MB", "100MB"}, "states in memory of the parts sizes and restore, about")
	f.Int64Var(&o.Changes, "changes", 50_000, "records per second in these parts, each with another key")
	f.Float64Var(&o.Seconds, "seconds", 3, "for how long each job of the part cost is measured, in seconds")
	f.IntVar(&o.Pairs, "pairs", 3, "jobs with checkpoints, and without, of the part cost")
	f.IntVar(&o.InFlight, "in-flight", 6000, "records that wait for reads in the part drain")
	f.DurationVar(&o.Latency, "latency", 20*time.Millisecond, "what a read of an object takes at least in the part drain")
	f.Int64Var(&o.Throttle, "throttle", 40_000, "records per second that a job takes which lags")
	f.IntVar(&o.Checkpoints, "checkpoints", 3, "checkpoints measured of each job; three times as many in the part sizes")
	f.StringVar(&o.Peer, "peer", "", `directory of another engine's program "run" (default: none)`)
	f.Int64SliceVar(&o.PeerEvents, "peer-events", []int64{2_000_000, 20_000_000}, "events before a checkpoint of the part peer")
	f.Int64Var(&o.PeerWarmup, "peer-warmup", 1_000_000, "events of the peer before what is measured of it")
	f.Int64Var(&o.Memory, "memory", 0, "bound on the memory of the process in bytes (0: none)")
}
