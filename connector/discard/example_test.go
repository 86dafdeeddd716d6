package discard_test

import (
	"context"
	"fmt"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
)

// Two runs have the same result if the number of rows and the sum of their hashes are the same, although rows
// come in another order at every run.
func Example() {
	count := func(parallelism int) (rows int64, hash uint64) {
		job := aquifer.NewJob("sellers")
		events := aquifer.From(job, "events", nexmark.New(nexmark.Config{Events: 1000}))
		auctions := aquifer.Filter(events, func(e *nexmark.Event) bool { return e.Auction != nil })
		sink := discard.New(discard.Hash(func(dst []byte, e *nexmark.Event) []byte {
			return fmt.Appendf(dst, "%d|%d", e.Auction.ID, e.Auction.Seller)
		}))
		aquifer.To[nexmark.Event](auctions, "count", sink)
		if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: parallelism}); err != nil {
			fmt.Println(err)
		}
		return sink.Total()
	}
	rows, hash := count(1)
	again, same := count(4)
	fmt.Println(rows, "auctions, and again:", again, hash == same)
	// Output: 60 auctions, and again: 60 true
}
