package state_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/print"
	"github.com/aquifer-stream/aquifer/state"
)

// Order is a row of the input.
type Order struct {
	User  string `csv:"user"`
	Item  string `csv:"item"`
	Price int64  `csv:"price"`
}

const orders = `user,item,price
ann,tea,4
bob,ink,9
ann,milk,2
ann,tea,5
bob,ink,9
`

// each runs a function with state over the orders of each user and prints what it emits.
func each(newFunc func() aquifer.ProcessFunc[Order, string]) error {
	dir, err := os.MkdirTemp("", "orders")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "orders.csv"), []byte(orders), 0o644); err != nil {
		return err
	}
	job := aquifer.NewJob("orders")
	input := aquifer.From(job, "orders", file.CSV[Order](filepath.Join(dir, "*.csv")))
	byUser := aquifer.KeyBy(input, func(o *Order) string { return o.User })
	lines := aquifer.Process(byUser, "each", newFunc)
	text := func(dst []byte, line *string) []byte { return append(dst, *line...) }
	aquifer.To(lines, "out", print.To(os.Stdout, text))
	_, err = job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1})
	return err
}

// total keeps what each user has spent.
type total struct {
	spent state.Value[int64]
}

func (t *total) Open(s *state.Scope) (err error) {
	t.spent, err = state.NewValue[int64](s, "spent")
	return err
}

func (t *total) Process(ctx *aquifer.Context, o *Order, out aquifer.Collector[string]) error {
	spent, _, err := t.spent.Get(ctx) // 0 for a user who has bought nothing yet
	if err != nil {
		return err
	}
	spent += o.Price
	out.Emit(fmt.Sprintf("%s has spent %d", aquifer.Key[string](ctx), spent))
	return t.spent.Set(ctx, spent)
}

// A value for each key is used as if it were a local variable.
func ExampleValue() {
	if err := each(func() aquifer.ProcessFunc[Order, string] { return &total{} }); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ann has spent 4
	// bob has spent 9
	// ann has spent 6
	// ann has spent 11
	// bob has spent 18
}

// prices keeps what each user paid last for each item.
type prices struct {
	last state.Map[string, int64]
}

func (p *prices) Open(s *state.Scope) (err error) {
	p.last, err = state.NewMap[string, int64](s, "last")
	return err
}

func (p *prices) Process(ctx *aquifer.Context, o *Order, out aquifer.Collector[string]) error {
	before, ok, err := p.last.Get(ctx, o.Item)
	if err != nil {
		return err
	}
	if ok && o.Price > before {
		out.Emit(fmt.Sprintf("%s pays %d more for %s", o.User, o.Price-before, o.Item))
	}
	return p.last.Set(ctx, o.Item, o.Price)
}

// A map for each key has entries that are stored one by one, so it may be large.
func ExampleMap() {
	if err := each(func() aquifer.ProcessFunc[Order, string] { return &prices{} }); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ann pays 1 more for tea
}
