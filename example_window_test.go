package aquifer_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/print"
	"github.com/aquifer-stream/aquifer/window"
)

// Bid is a row of the input.
type Bid struct {
	Item   string `csv:"item"`
	Price  int64  `csv:"price"`
	Second int64  `csv:"second"`
}

const bids = `item,price,second
pot,10,5
pot,30,20
pot,20,50
cup,7,55
pot,40,65
`

// printed runs a job over the bids, by item, and prints what comes of it.
func printed(build func(bids aquifer.KeyedStream[string, Bid]) aquifer.Stream[string]) {
	dir, err := written(map[string]string{"bids.csv": bids})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	job := aquifer.NewJob("bids")
	all := aquifer.From(job, "bids", file.CSV[Bid](filepath.Join(dir, "bids.csv")),
		aquifer.Monotonic(func(b *Bid) int64 { return b.Second * 1000 }))
	byItem := aquifer.KeyBy(all, func(b *Bid) string { return b.Item })
	aquifer.To(build(byItem), "out", print.To(os.Stdout, func(dst []byte, s *string) []byte { return append(dst, *s...) }))
	if _, err := job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1}); err != nil {
		fmt.Println(err)
	}
}

// A function that gets all rows of a minute: the median needs them.
func ExampleProcessWindow() {
	median := func(w aquifer.WindowContext[string], rows iter.Seq[Bid], out aquifer.Collector[string]) error {
		var prices []int64
		for b := range rows {
			prices = append(prices, b.Price)
		}
		slices.Sort(prices)
		out.Emit(fmt.Sprintf("%s from second %d: %d", w.Key, w.Start/1000, prices[len(prices)/2]))
		return nil
	}
	printed(func(bids aquifer.KeyedStream[string, Bid]) aquifer.Stream[string] {
		return aquifer.ProcessWindow(bids, "medians", window.Tumbling(time.Minute), median)
	})
	// Unordered output:
	// pot from second 0: 20
	// cup from second 0: 7
	// pot from second 60: 40
}

// Every two bids of an item.
func ExampleProcessWindow_global() {
	prices := func(w aquifer.WindowContext[string], rows iter.Seq[Bid], out aquifer.Collector[string]) error {
		text := w.Key
		for b := range rows {
			text += fmt.Sprint(" ", b.Price)
		}
		out.Emit(text)
		return nil
	}
	printed(func(bids aquifer.KeyedStream[string, Bid]) aquifer.Stream[string] {
		pairs := window.Global().Trigger(window.Trigger{Count: 2, Purging: true})
		return aquifer.ProcessWindow(bids, "pairs", pairs, prices)
	})
	// Output:
	// pot 10 30
	// pot 20 40
}

// Each bid with the sum of all bids for its item in the half minute up to it.
func ExampleOver() {
	printed(func(bids aquifer.KeyedStream[string, Bid]) aquifer.Stream[string] {
		sums := aquifer.Over(bids, "sums", window.RangePreceding(30*time.Second),
			aquifer.Sum(func(b *Bid) int64 { return b.Price }))
		return aquifer.Map(sums, func(o *aquifer.OverRow[Bid, int64]) string {
			return fmt.Sprintf("%s at second %d: %d", o.Row.Item, o.Row.Second, o.Value)
		})
	})
	// Unordered output:
	// pot at second 5: 10
	// pot at second 20: 40
	// pot at second 50: 50
	// cup at second 55: 7
	// pot at second 65: 60
}

// cheapAndDear are two streams of bids.
func cheapAndDear(bids aquifer.KeyedStream[string, Bid]) aquifer.ConnectedStreams[string, Bid, Bid] {
	keep := func(name string, dear bool) aquifer.KeyedStream[string, Bid] {
		some := aquifer.Filter(bids.Stream, func(b *Bid) bool { return b.Price >= 25 == dear }, aquifer.Name(name))
		return aquifer.KeyBy(some, func(b *Bid) string { return b.Item })
	}
	return aquifer.Connect(keep("cheap", false), keep("dear", true))
}

// Each pair of a low and a high bid for the same item in the same minute.
func ExampleWindowJoin() {
	printed(func(bids aquifer.KeyedStream[string, Bid]) aquifer.Stream[string] {
		return aquifer.WindowJoin(cheapAndDear(bids), "pairs", window.Tumbling(time.Minute), func(l, r *Bid) string {
			return fmt.Sprintf("%s for %d and for %d", l.Item, l.Price, r.Price)
		})
	})
	// Unordered output:
	// pot for 10 and for 30
	// pot for 20 and for 30
}

// How many low and high bids there are for an item in a minute, also if there are none of one kind.
func ExampleCoGroup() {
	count := func(
		w aquifer.WindowContext[string], low, high iter.Seq[Bid], out aquifer.Collector[string],
	) error {
		out.Emit(fmt.Sprintf("%s from second %d: %d low, %d high", w.Key, w.Start/1000,
			len(slices.Collect(low)), len(slices.Collect(high))))
		return nil
	}
	printed(func(bids aquifer.KeyedStream[string, Bid]) aquifer.Stream[string] {
		return aquifer.CoGroup(cheapAndDear(bids), "counts", window.Tumbling(time.Minute), count)
	})
	// Unordered output:
	// pot from second 0: 2 low, 1 high
	// cup from second 0: 1 low, 0 high
	// pot from second 60: 0 low, 1 high
}
