package table

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/state"
)

// lateCount is what stands behind the Context of a function: it counts late rows. Its timers are the test's to fire.
type lateCount struct {
	flow.Engine
	n int
}

func (*lateCount) RegisterEventTimer(uint32, int64) error { return nil }
func (c *lateCount) CountLate()                           { c.n++ }

// Subtasks that come together in a restore begin at the least of their watermarks.
func TestAVersionThatHasBeenTheLatestStaysSoWhenTheWatermarkIsAnEarlierOne(t *testing.T) {
	groups := base.KeyGroupRange{End: 1}
	store, err := keyed.NewStore[int64](keyed.Config{Name: "join", MaxParallelism: 1, Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	text := func(l, r *string) string { return fmt.Sprint(*l, " ", *r) }
	j, late := &temporalJoiner[string, string, string]{outer: true, combine: text}, &lateCount{}
	if err := j.Open(state.NewScope(store)); err != nil {
		t.Fatal(err)
	}
	slots := make([]keyed.Slot, 1)
	if err := store.Lookup([]int64{1}, []uint64{store.Hash(1)}, slots); err != nil {
		t.Fatal(err)
	}
	ctx, rows := flow.NewContext(t.Context(), late), &flow.Batch[string]{}
	out := flow.NewCollector(rows, &ctx.Time)
	do := func(at int64, what func() error) error { ctx.Enter(uint32(slots[0]), at); return what() }
	left := func(row string) func() error { return func() error { return j.ProcessLeft(ctx, &row, out) } }
	right := func(row string) func() error { return func() error { return j.ProcessRight(ctx, &row, out) } }
	fire := func() error { return j.OnTimer(ctx, flow.Timer{}, out) }
	err = errors.Join(do(50, right("of 50")), do(51, fire))
	ctx.Watermark = 10
	err = errors.Join(err, do(20, right("of 20")), do(20, left("at 20")), do(60, left("at 60")), do(61, fire))
	if got := fmt.Sprint(rows.Rows, late.n); got != "[at 60 of 50] 2" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}
