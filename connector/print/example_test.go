package print_test

import (
	"context"
	"fmt"
	"os"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/connector/print"
)

// Rows are shown as they come. With one subtask they come in order.
func Example() {
	job := aquifer.NewJob("auctions")
	events := aquifer.From(job, "events", nexmark.New(nexmark.Config{Events: 10}))
	auctions := aquifer.Filter(events, func(e *nexmark.Event) bool { return e.Auction != nil })
	aquifer.To(auctions, "out", print.To(os.Stdout, func(dst []byte, e *nexmark.Event) []byte {
		a := e.Auction
		return fmt.Appendf(dst, "auction %d of %s begins at %d", a.ID, a.ItemName, a.InitialBid)
	}))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// auction 1000 of cebodairg begins at 245
	// auction 1001 of mqbcemszg begins at 283
	// auction 1002 of opczweedm begins at 2063
}

// Price is what the seller of an item wants for it at least.
type Price struct {
	Item  string `json:"item"`
	Cents int64  `json:"cents"`
}

func ExampleJSON() {
	job := aquifer.NewJob("prices")
	events := aquifer.From(job, "events", nexmark.New(nexmark.Config{Events: 10}))
	prices := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[Price]) error {
		if a := e.Auction; a != nil {
			out.Emit(Price{a.ItemName, a.Reserve})
		}
		return nil
	})
	aquifer.To(prices, "out", print.JSON[Price](os.Stdout))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"item":"cebodairg","cents":76353080}
	// {"item":"mqbcemszg","cents":43670}
	// {"item":"opczweedm","cents":3214}
}
