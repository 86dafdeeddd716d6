package operator

import (
	"fmt"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

// splitter sends odd numbers aside.
type splitter struct{ side *int }

func (s splitter) Process(ctx *flow.Context, n *int, out flow.Collector[string]) error {
	if *n%2 == 0 {
		out.Emit(fmt.Sprint(*n))
		return nil
	}
	if has, err := flow.EmitAside(ctx, any(s.side), *n, flow.NoTime); !has || err != nil {
		return fmt.Errorf("emitted %v: %w", has, err)
	}
	_, err := flow.EmitAside(ctx, any(s.side), -*n, 99)
	return err
}

func TestWhatGoesAsideLeavesInFrontOfTheWatermarkBehindIt(t *testing.T) {
	var id, other int
	out, aside, none := &stage[string]{}, &stage[int]{}, &stage[string]{}
	env := place("split")
	env.Sides = []SideOutput{NewSideOutput[string](&other, none), NewSideOutput[int](&id, aside)}
	u := NewUnkeyed[int, string](env, out, splitter{&id})
	must(t, u.Batch(rowsOf(2, 3, 4, 5)))
	must(t, u.Watermark(7))
	must(t, u.Idle(true))
	out.expect(t, "2@1 4@3 w7 idle true")
	aside.expect(t, "3@2 -3@99 5@4 -5@99 w7 idle true")
	none.expect(t, "w7 idle true")
	if in, out := env.Stats.RowsIn.Load(), env.Stats.RowsOut.Load(); in != 4 || out != 6 {
		t.Errorf("%d rows in, %d out", in, out)
	}
}

func TestAFailureOfASideOutputFailsItsOperator(t *testing.T) {
	for _, at := range []string{"batch", "watermark", "idle"} {
		var id int
		env := place("split")
		aside := &stage[int]{fail: func(what string) error {
			if what == at {
				return errBroken
			}
			return nil
		}}
		env.Sides = []SideOutput{NewSideOutput[int](&id, aside)}
		u := NewUnkeyed[int, string](env, &stage[string]{}, splitter{&id})
		steps := map[string]error{"batch": u.Batch(rowsOf(1)), "watermark": u.Watermark(7), "idle": u.Idle(true)}
		for step, err := range steps {
			if (err != nil) != (step == at) {
				t.Errorf("%s fails at %s: %v", step, at, err)
			}
		}
	}
}
