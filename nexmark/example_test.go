package nexmark_test

import (
	"context"
	"fmt"
	"os"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/connector/print"
	queries "github.com/aquifer-stream/aquifer/nexmark"
)

// A query by its name, and the result that other engines have for the same million events.
func Example() {
	q, err := queries.ByName("q5")
	if err != nil {
		fmt.Println(err)
		return
	}
	job, out := aquifer.NewJob(q.Name), queries.NewOutput("hash")
	q.Build(job, nexmark.Config{Events: 1_000_000}, out)
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 2}); err != nil {
		fmt.Println(err)
		return
	}
	rows, hash := out.Total()
	fmt.Printf("%s: %d rows, %s\n", q.Title, rows, queries.HashText(hash))
	// Output:
	// the auctions with the most bids of the last ten seconds, every two seconds: 12 rows, 251cfbf5b0d00e2e
}

// A query is a function from streams to streams, which a job of one's own may go on with.
func ExampleHotAuctions() {
	job := aquifer.NewJob("hot")
	events := aquifer.From(job, "events", nexmark.New(nexmark.Config{Events: 30_000, Rate: 1000}),
		aquifer.EventTime(func(e *nexmark.Event) int64 { return e.Time }, nexmark.WatermarkDelay))
	hot := aquifer.Filter(queries.HotAuctions(events), func(h *queries.Hot) bool { return h.Count > 800 })
	aquifer.To(hot, "out", print.To(os.Stdout, func(dst []byte, h *queries.Hot) []byte {
		return fmt.Appendf(dst, "auction %d: %d bids until %d", h.Auction, h.Count, h.End)
	}))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// auction 1200: 806 bids until 1436918406000
	// auction 1200: 806 bids until 1436918408000
	// auction 1500: 822 bids until 1436918410000
	// auction 1500: 822 bids until 1436918412000
	// auction 1500: 822 bids until 1436918414000
	// auction 1500: 822 bids until 1436918416000
	// auction 1500: 822 bids until 1436918418000
}
