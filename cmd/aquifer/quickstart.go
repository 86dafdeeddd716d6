package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aquifer-stream/aquifer"
	source "github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/nexmark"
)

// quickstartRate is the number of events a second, of event time and of the clock alike.
const quickstartRate = 10_000

func quickstartCommand() *cobra.Command {
	var o aquifer.RunOptions
	var events int64
	c := &cobra.Command{
		Use:   "quickstart",
		Short: "Watch the hottest auctions of a made-up market, live",
		Long: `Watch the hottest auctions of a made-up market: every two seconds, those with the most
bids in the last ten seconds.

Ctrl-C stops it after a last checkpoint. Started again it goes on where it was.`,
		Example: "  aquifer quickstart",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return quickstart(c.Context(), o, events, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	o.AddFlags(c.Flags())
	c.Flags().Int64Var(&events, "events", 0, "stop after this many events (0: never)")
	c.Flags().Lookup("checkpoint-interval").DefValue = "2s"
	o.CheckpointInterval = 2 * time.Second
	return c
}

func quickstart(ctx context.Context, o aquifer.RunOptions, events int64, stdout, stderr io.Writer) error {
	if o.State == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		o.State = filepath.Join(cache, "aquifer", "quickstart")
	}
	fmt.Fprintf(stderr, "state in %s\n", o.State)
	job := aquifer.NewJob("quickstart")
	market := aquifer.From(job, "market",
		source.New(source.Config{Events: events, Rate: quickstartRate, Pace: true}),
		aquifer.EventTime(func(e *source.Event) int64 { return e.Time }, time.Second))
	aquifer.To[nexmark.Hot](nexmark.HotAuctions(market), "table", &liveTable{w: stdout}, aquifer.Parallelism(1))
	_, err := aquifer.RunUntilSignal(ctx, job, o, stderr)
	return err
}

// liveTable is a sink that shows the auctions of each window as a table.
type liveTable struct{ w io.Writer }

func (t *liveTable) Recover(context.Context, [][]byte) error { return nil }
func (t *liveTable) Commit(context.Context, [][]byte) error  { return nil }

func (t *liveTable) Open(context.Context, flow.SinkSubtask) (flow.Writer[nexmark.Hot], error) {
	return &tableWriter{w: t.w}, nil
}

// tableWriter collects the rows of a window until a row of another one comes. At the end of the input, windows
// come in any order.
type tableWriter struct {
	w      io.Writer
	window []nexmark.Hot
}

func (t *tableWriter) Write(_ context.Context, b *flow.Batch[nexmark.Hot]) error {
	for _, row := range b.Rows {
		if len(t.window) > 0 && row.End != t.window[0].End {
			if err := t.show(); err != nil {
				return err
			}
		}
		t.window = append(t.window, row)
	}
	return t.show()
}

// show prints the window that has been collected.
func (t *tableWriter) show() error {
	if len(t.window) == 0 {
		return nil
	}
	slices.SortFunc(t.window, func(a, b nexmark.Hot) int { return cmp.Compare(a.Auction, b.Auction) })
	end := time.UnixMilli(t.window[0].End).UTC()
	var s strings.Builder
	fmt.Fprintf(&s, "\r\x1b[Khottest auctions, %s to %s (event time)\n",
		end.Add(-10*time.Second).Format(time.TimeOnly), end.Format(time.TimeOnly))
	for _, h := range t.window[:min(5, len(t.window))] {
		fmt.Fprintf(&s, "  auction %-8d %5d bids  %s\n", h.Auction, h.Count, strings.Repeat("█", int(min(h.Count/20, 60))))
	}
	t.window = t.window[:0]
	_, err := io.WriteString(t.w, s.String())
	return err
}

func (t *tableWriter) Prepare(context.Context, uint64) (flow.Prepared, error) {
	return flow.Prepared{}, nil
}

func (t *tableWriter) Close(context.Context) error { return nil }
