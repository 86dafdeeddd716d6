package state_test

import (
	"fmt"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// basket keeps what each user paid last for each item, and compares it with the price of tea.
type basket struct {
	last state.Map[string, int64]
}

func (b *basket) Open(s *state.Scope) (err error) {
	b.last, err = state.NewMap[string, int64](s, "last")
	return err
}

// Prefetch names what Process will use.
func (b *basket) Prefetch(ctx *aquifer.Prefetch, o *Order) error {
	b.last.Prefetch(ctx, o.Item)
	b.last.Prefetch(ctx, "tea")
	return nil
}

func (b *basket) Process(ctx *aquifer.Context, o *Order, out aquifer.Collector[string]) error {
	item, tea := b.last.GetAsync(ctx, o.Item), b.last.GetAsync(ctx, "tea")
	if err := state.All(ctx, item, tea); err != nil { // one wait for both
		return err
	}
	before, again, err := item.Get(ctx)
	if err != nil {
		return err
	}
	price, _, err := tea.Get(ctx)
	if err != nil {
		return err
	}
	if again {
		out.Emit(fmt.Sprintf("%s paid %d for %s, and %d for tea", o.User, before, o.Item, price))
	}
	return b.last.Set(ctx, o.Item, o.Price)
}

// Several entries are read together, and before the record is processed where it is known which.
func ExampleAll() {
	if err := each(func() aquifer.ProcessFunc[Order, string] { return &basket{} }); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ann paid 4 for tea, and 4 for tea
	// bob paid 9 for ink, and 0 for tea
}
