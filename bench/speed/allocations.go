package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	source "github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/window"
)

// allocationMarks count what operators allocate for each record: the difference between jobs with and without
// them, so that what a source does, and the start of a job, is not in it.
func allocationMarks(_ context.Context, o options, _ io.Writer) ([]mark, error) {
	alone, err := allocations(o, func(s aquifer.Stream[source.Bid]) {
		aquifer.To(s, "out", discard.New[source.Bid]())
	})
	if err != nil {
		return nil, err
	}
	all, err := allocations(o, func(s aquifer.Stream[source.Bid]) {
		priced := aquifer.Filter(s, func(b *source.Bid) bool { return b.Price > 0 })
		auctions := aquifer.Map(priced, func(b *source.Bid) int64 { return b.Auction })
		byAuction := aquifer.KeyBy(auctions, func(a *int64) int64 { return *a })
		counts := aquifer.Aggregate(byAuction, "count", window.Tumbling(10*time.Second), aquifer.Count[int64]())
		aquifer.To(counts, "out", discard.New[flow.Windowed[int64, int64]]())
	})
	if err != nil {
		return nil, err
	}
	return []mark{atMost("Filter, Map, KeyBy, Aggregate", max(0, all-alone), 0.01, "allocations a record",
		fmt.Sprintf("%.4f with them, %.4f without", all, alone))}, nil
}

// allocations runs a job over bids and returns its allocations for each event.
func allocations(o options, build func(aquifer.Stream[source.Bid])) (float64, error) {
	job := aquifer.NewJob("allocations")
	build(aquifer.From(job, "bids", source.Bids(source.Config{Events: int64(o.events)}),
		aquifer.EventTime(func(b *source.Bid) int64 { return b.Time }, source.WatermarkDelay)))
	m := startMeter()
	_, err := job.Run(context.Background(), aquifer.RunOptions{})
	return m.stop(int64(o.events)).Mallocs, err
}
