package nexmark_test

import (
	"context"
	"fmt"

	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
)

// The engine does this for a job; a test of a function may do it by hand.
func Example() {
	ctx := context.Background()
	source := nexmark.New(nexmark.Config{Events: 8})
	found, err := source.Discover(ctx, flow.Known{Parallelism: 1, First: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	reader, err := source.Open(ctx, found.Splits[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reader.Close()

	batch := &flow.Batch[nexmark.Event]{Rows: make([]nexmark.Event, 0, 100)}
	if _, err := reader.Read(ctx, batch); err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range batch.Rows {
		switch {
		case e.Person != nil:
			fmt.Println(e.Person.Name, "registers in", e.Person.City)
		case e.Auction != nil:
			fmt.Println("auction", e.Auction.ID, "begins at", e.Auction.InitialBid)
		default:
			fmt.Println("bid of", e.Bid.Price, "on auction", e.Bid.Auction, "through", e.Bid.Channel)
		}
	}
	// Output:
	// Julie Smith registers in Portland
	// auction 1000 begins at 245
	// auction 1001 begins at 283
	// auction 1002 begins at 2063
	// bid of 10472579 on auction 1012 through Google
	// bid of 421 on auction 1000 through channel-8668
	// bid of 844 on auction 1000 through channel-3856
	// bid of 8288 on auction 1005 through channel-4639
}

// A result is compared by its count and its hash, whatever the order of its rows.
func ExampleRowHash() {
	var sum uint64
	for _, row := range []string{"1000|3", "1001|5"} {
		sum += nexmark.RowHash([]byte(row))
	}
	var reversed uint64
	for _, row := range []string{"1001|5", "1000|3"} {
		reversed += nexmark.RowHash([]byte(row))
	}
	fmt.Println(sum == reversed)
	// Output: true
}
