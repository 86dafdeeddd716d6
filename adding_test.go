package aquifer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// adding keeps the numbers of each key in every kind of state that is added to without being read. A negative number
// asks for them.
type adding struct {
	list state.List[int64]
	text state.Reducing[string]
	sum  state.Aggregating[int64, int64, string]
}

func (a *adding) Open(s *state.Scope) (err error) {
	if a.list, err = state.NewList[int64](s, "list"); err != nil {
		return err
	}
	if a.text, err = state.NewReducing(s, "text", func(into, v *string) { *into += *v }); err != nil {
		return err
	}
	a.sum, err = state.NewAggregating(s, "sum", Aggregator[int64, int64, string]{
		Add: func(acc, n *int64) { *acc += *n }, Merge: func(into, from *int64) { *into += *from },
		Result: func(acc *int64) string { return fmt.Sprint(*acc) },
	})
	return err
}

func (a *adding) Process(ctx *Context, in *int64, out Collector[string]) error {
	if *in > 0 {
		if err := a.list.Append(ctx, *in); err != nil {
			return err
		}
		if err := a.text.Add(ctx, fmt.Sprint(*in, " ")); err != nil {
			return err
		}
		return a.sum.Add(ctx, *in)
	}
	rows, err := a.list.All(ctx)
	if err != nil {
		return err
	}
	text, _, err := a.text.Get(ctx)
	if err != nil {
		return err
	}
	sum, _, err := a.sum.Get(ctx)
	out.Emit(fmt.Sprintf("%d: %v, %s, %s", Key[int64](ctx), slices.Collect(rows), text, sum))
	return err
}

// Each round is a run of its own, at another parallelism, that goes on from the checkpoint of the one before.
func TestWhatIsAddedInSeveralRunsIsAllThereInItsOrder(t *testing.T) {
	store, sink := mem.New(), newCollected[string]()
	rounds := [][]int64{{1, 12, 23, 11}, {2, 21, 3}, {13, -1, 22, 31}, {-1, 32}, {-1, -2, -3}}
	for round, parallelism := range []int{1, 3, 2, 3, 1} {
		p, before := newPause(), len(sink.rows())
		var steps []step[int64]
		for i, numbers := range rounds {
			end := step[int64]{}
			if i == round {
				end = here[int64](p)
			}
			steps = append(append(steps, each(numbers...)...), end)
		}
		job := NewJob("adding")
		byDigit := KeyBy(From(job, "numbers", oneSplit(steps...)), func(n *int64) int64 { return max(*n, -*n) % 10 })
		To(Process(byDigit, "adding", func() ProcessFunc[int64, string] { return &adding{} }), "out", sink)
		_, err := job.Run(t.Context(), RunOptions{
			Parallelism: parallelism, CheckpointInterval: -1, Restarts: -1, Stop: p.stop, objects: store,
		})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		want := [][]string{
			{}, {}, {"1: [1 11 21], 1 11 21 , 33"}, {"1: [1 11 21 31], 1 11 21 31 , 64"},
			{"1: [1 11 21 31], 1 11 21 31 , 64", "2: [12 2 22 32], 12 2 22 32 , 68", "3: [23 3 13], 23 3 13 , 39"},
		}[round]
		if got := sorted(sink.rows()[before:]); !slices.Equal(got, want) {
			t.Errorf("round %d: %q, want %q", round, got, want)
		}
	}
}
