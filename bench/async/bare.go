package async

import (
	"context"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/state"
)

// bare is a function over the hot tables alone, one key after the other: what it costs without an operator.
type bare struct {
	store *keyed.Store[int64]
	fn    function
	ctx   *flow.Context
	out   *flow.Batch[int64]
	to    flow.Collector[int64]
	slot  [1]keyed.Slot
}

// newBare returns one, over tables below or, for nil, with all state in memory.
func newBare(ctx context.Context, fn function, below keyed.Below) (*bare, error) {
	store, err := keyed.NewStore[int64](keyed.Config{
		Name: uid, MaxParallelism: groups, Groups: allGroups, Context: ctx, Below: below, Restored: below != nil,
	})
	if err != nil {
		return nil, err
	}
	b := &bare{store: store, fn: fn, ctx: flow.NewContext(ctx, nil), out: &flow.Batch[int64]{}}
	b.to = flow.NewCollector(b.out, &b.ctx.Time)
	scope := state.NewScope(store)
	defer scope.End()
	return b, fn.Open(scope)
}

// process calls the function for each row of a batch, whose keys have been hashed.
func (b *bare) process(in *flow.Batch[row]) error {
	defer b.ctx.Leave()
	for i := range in.Rows {
		r := &in.Rows[i]
		key := [1]int64{r.Key}
		if err := b.store.Lookup(key[:], in.Hashes[i:i+1], b.slot[:]); err != nil {
			return err
		}
		b.ctx.Enter(uint32(b.slot[0]), in.Times[i])
		if err := b.fn.Process(b.ctx, r, b.to); err != nil {
			return err
		}
	}
	b.out.Reset()
	return nil
}
