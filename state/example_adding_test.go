package state_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// baskets keeps what each user has ordered until there are three.
type baskets struct {
	items state.List[string]
}

func (b *baskets) Open(s *state.Scope) (err error) {
	b.items, err = state.NewList[string](s, "items")
	return err
}

func (b *baskets) Process(ctx *aquifer.Context, o *Order, out aquifer.Collector[string]) error {
	if err := b.items.Append(ctx, o.Item); err != nil {
		return err
	}
	if n, err := b.items.Len(ctx); n < 3 || err != nil {
		return err
	}
	items, err := b.items.All(ctx)
	if err != nil {
		return err
	}
	out.Emit(fmt.Sprintf("%s: %s", o.User, strings.Join(slices.Collect(items), ", ")))
	return b.items.Clear(ctx)
}

// A list for each key is appended to without being read.
func ExampleList() {
	if err := each(func() aquifer.ProcessFunc[Order, string] { return &baskets{} }); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ann: tea, milk, tea
}

// highest keeps the highest price that each user has paid.
type highest struct {
	price state.Reducing[int64]
}

func (h *highest) Open(s *state.Scope) (err error) {
	h.price, err = state.NewReducing(s, "price", func(into, price *int64) { *into = max(*into, *price) })
	return err
}

func (h *highest) Process(ctx *aquifer.Context, o *Order, out aquifer.Collector[string]) error {
	if err := h.price.Add(ctx, o.Price); err != nil {
		return err
	}
	if o.Item != "tea" {
		return nil // and nothing is read
	}
	price, _, err := h.price.Get(ctx)
	out.Emit(fmt.Sprintf("%s has paid up to %d", o.User, price))
	return err
}

// A value that is only added to need not be in memory.
func ExampleReducing() {
	if err := each(func() aquifer.ProcessFunc[Order, string] { return &highest{} }); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ann has paid up to 4
	// ann has paid up to 5
}

// mean is what an average is made of.
type mean struct {
	Sum, Count int64
}

var average = aquifer.Aggregator[int64, mean, float64]{
	Add:    func(m *mean, price *int64) { m.Sum, m.Count = m.Sum+*price, m.Count+1 },
	Merge:  func(into, from *mean) { into.Sum, into.Count = into.Sum+from.Sum, into.Count+from.Count },
	Result: func(m *mean) float64 { return float64(m.Sum) / float64(m.Count) },
}

// averages keeps the average of the prices that each user has paid.
type averages struct {
	price state.Aggregating[int64, mean, float64]
}

func (a *averages) Open(s *state.Scope) (err error) {
	a.price, err = state.NewAggregating(s, "price", average)
	return err
}

func (a *averages) Process(ctx *aquifer.Context, o *Order, out aquifer.Collector[string]) error {
	if err := a.price.Add(ctx, o.Price); err != nil {
		return err
	}
	average, _, err := a.price.Get(ctx)
	out.Emit(fmt.Sprintf("%s pays %.1f on average", o.User, average))
	return err
}

// An accumulator for each key takes rows of one type and gives results of another.
func ExampleAggregating() {
	if err := each(func() aquifer.ProcessFunc[Order, string] { return &averages{} }); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ann pays 4.0 on average
	// bob pays 9.0 on average
	// ann pays 3.0 on average
	// ann pays 3.7 on average
	// bob pays 9.0 on average
}
