package nexmark

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

const benchBatch = 1024

// measure reads batches as an engine does, which uses the same ones again and again, and reports what one event
// costs, the garbage collector's part included.
func measure[T any](b *testing.B, s flow.Source[T], consume func(rows []T)) {
	r := openPart(b, s, 0, 1)
	batch := newBatch[T](benchBatch)
	first := position(b, r)
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		read(b, r, batch)
		consume(batch.Rows)
		batch.Reset()
	}
	runtime.ReadMemStats(&after)
	events := float64(position(b, r) - first)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/events, "allocs/event")
}

var sink int64

func BenchmarkEvents(b *testing.B) {
	measure(b, New(Config{}), func([]Event) {})
}

// The consumers below do what jobs begin with.

func BenchmarkEventsProjected(b *testing.B) {
	measure(b, New(Config{}), func(rows []Event) {
		for i := range rows {
			if bid := rows[i].Bid; bid != nil {
				sink += bid.Auction
			}
		}
	})
}

func BenchmarkEventsCopiedAsBids(b *testing.B) {
	out := newBatch[Bid](benchBatch)
	measure(b, New(Config{}), func(rows []Event) {
		for i := range rows {
			if bid := rows[i].Bid; bid != nil {
				out.Append(*bid, bid.Time)
			}
		}
		out.Reset()
	})
}

func BenchmarkBids(b *testing.B) {
	measure(b, Bids(Config{}), func([]Bid) {})
}

// position is the number of events that the reader of the only part has made.
func position[T any](b *testing.B, r flow.Reader[T]) int64 {
	n, err := strconv.ParseInt(string(r.Position()), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
