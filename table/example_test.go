package table_test

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/print"
	"github.com/aquifer-stream/aquifer/table"
)

// sale is something that was sold.
type sale struct {
	Shop  string `json:"shop"`
	Item  string `json:"item"`
	Price int64  `json:"price"`
}

// salesOf reads sales from lines of text.
func salesOf(job *aquifer.Job, dir, text string) aquifer.Stream[sale] {
	if err := os.WriteFile(dir+"/sales", []byte(text), 0o600); err != nil {
		fmt.Println(err)
	}
	return aquifer.From(job, "sales", file.CSV[sale](dir+"/sales"))
}

func shopOf(s *sale) string { return s.Shop }

// The dearest sale of each shop, and what it takes back when a dearer one comes.
func ExampleTop() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	job := aquifer.NewJob("dearest")
	sales := salesOf(job, dir, "shop,item,price\nnorth,lamp,30\nsouth,chair,50\nnorth,table,90\nsouth,vase,20\n")
	dearest := table.Top(aquifer.KeyBy(sales, shopOf), "dearest", 1, func(a, b *sale) int {
		return cmp.Compare(b.Price, a.Price)
	})
	aquifer.To(dearest, "out", print.To(os.Stdout, func(dst []byte, c *aquifer.Change[sale]) []byte {
		return fmt.Appendf(dst, "%v %s: %s for %d", c.Kind, c.Row.Shop, c.Row.Item, c.Row.Price)
	}))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// +I north: lamp for 30
	// +I south: chair for 50
	// -U north: lamp for 30
	// +U north: table for 90
}

// What each shop has taken, from the sales that have come; one result for all of them that come together.
func ExampleAggregate() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	job := aquifer.NewJob("takings")
	sales := salesOf(job, dir, "shop,item,price\nnorth,lamp,30\nsouth,chair,50\nnorth,table,90\nsouth,vase,20\n")
	takings := table.Aggregate(aquifer.KeyBy(sales, shopOf), "takings",
		aquifer.Sum(func(s *sale) int64 { return s.Price }))
	aquifer.To(takings, "out", print.To(os.Stdout, func(dst []byte, c *aquifer.Change[table.Grouped[string, int64]]) []byte {
		return fmt.Appendf(dst, "%v %s %d", c.Kind, c.Row.Key, c.Row.Value)
	}))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// +I north 120
	// +I south 70
}
