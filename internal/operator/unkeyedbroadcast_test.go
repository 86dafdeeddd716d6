package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/state"
)

// board tells prices of what is asked for.
type board struct {
	prices state.Broadcast[string, int64]
	kept   *flow.BroadcastContext
	closed bool
}

func (s *board) Open(scope *state.Scope) (err error) {
	s.prices, err = state.NewBroadcast[string, int64](scope, "prices")
	return err
}

func (s *board) Process(_ *flow.Context, item *string, out flow.Collector[string]) error {
	each, ok := s.prices.Get(*item)
	out.Emit(fmt.Sprintf("%s %d %v", *item, each, ok))
	if s.kept != nil {
		return s.prices.Set(s.kept, "late", 1)
	}
	return nil
}

func (s *board) ProcessBroadcast(ctx *flow.BroadcastContext, p *price, out flow.Collector[string]) error {
	switch p.Item {
	case "nothing":
		return errBroken
	case "keep":
		s.kept = ctx
	}
	out.Emit(fmt.Sprintf("%s at %d from %d on, by %s", p.Item, p.Each, ctx.Time, at(ctx.Watermark)))
	return s.prices.Set(ctx, p.Item, p.Each)
}

func (s *board) Close() error { s.closed = true; return nil }

// newBoard is a subtask of the function, and what it has told.
func newBoard(
	t *testing.T, fn *board, subtask int, r *Restored,
) (*UnkeyedBroadcast[string, price, string], *stage[string]) {
	t.Helper()
	out := &stage[string]{}
	env := &Env{
		Context: context.Background(), UID: "board", Name: "board", Subtask: subtask, Parallelism: 2, MaxParallelism: 2,
		Stats: &Stats{}, Budget: keyed.NewBudget(0), Restored: r,
	}
	u, err := NewUnkeyedBroadcast(env, out, UnkeyedBroadcastFunc[string, price, string](fn))
	must(t, err)
	must(t, u.Open())
	return u, out
}

func hears(u TwoSided, prices ...price) error {
	return As[price](u.Side(Right)).Batch(rowsOf(prices...))
}

func inquires(u TwoSided, items ...string) error {
	return As[string](u.Side(Left)).Batch(rowsOf(items...))
}

func TestRowsWithoutKeysFindWhatWasBroadcastBeforeThem(t *testing.T) {
	u, out := newBoard(t, &board{}, 0, nil)
	must(t, errors.Join(inquires(u, "tea"), u.Watermark(7), hears(u, price{"tea", 3}, price{"milk", 1}),
		inquires(u, "milk", "tea")))
	want := "tea 0 false@1, w7, tea at 3 from 1 on, by 7@1, milk at 1 from 2 on, by 7@2, milk 1 true@1, tea 3 true@2"
	if got := strings.Join(out.seen, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if in, n := u.env.Stats.RowsIn.Load(), u.env.Stats.RowsOut.Load(); in != 5 || n != 5 {
		t.Errorf("%d rows in, %d out", in, n)
	}
}

func TestEverySubtaskWithoutKeysHasWhatOneOfThemHadAtACheckpoint(t *testing.T) {
	fn := &board{}
	first, _ := newBoard(t, fn, 0, nil)
	second, _ := newBoard(t, &board{}, 1, nil)
	for _, u := range []TwoSided{first, second} {
		must(t, hears(u, price{"tea", 3}))
	}
	one, err := first.Snapshot(1)
	must(t, err)
	two, err := second.Snapshot(1)
	must(t, err)
	if len(one.Broadcasts) == 0 || two.Broadcasts != nil || one.State != nil {
		t.Fatalf("the subtasks leave %+v and %+v", one, two)
	}
	must(t, errors.Join(first.Close(), second.Close()))
	if !fn.closed {
		t.Error("the function was not closed")
	}
	planned := PlanUnkeyedBroadcast("board", func() UnkeyedBroadcastFunc[string, price, string] { return &board{} })
	key, states, err := planned.Describe()
	must(t, err)
	if !planned.Unkeyed || len(states) != 1 || states[0].Kind != "broadcast" {
		t.Errorf("planned %+v with %+v", planned, states)
	}
	r := &Restored{Assignment: checkpoint.Assignment{Broadcasts: one.Broadcasts}, Key: key, States: states}
	again, out := newBoard(t, &board{}, 1, r)
	must(t, inquires(again, "tea"))
	if got := strings.Join(out.seen, ", "); got != "tea 3 true@1" {
		t.Errorf("got %s", got)
	}
	if !bytes.Equal(again.state.store.Broadcasts(), one.Broadcasts) {
		t.Error("the state is another one")
	}
}

func TestAFunctionWithoutKeysThatFailsForWhatIsBroadcastFailsTheTask(t *testing.T) {
	u, _ := newBoard(t, &board{}, 0, nil)
	mustSay(t, hears(u, price{"nothing", 1}),
		`operator "board", subtask 0, event time 1970-01-01T00:00:00.001Z: broken`)
	u, _ = newBoard(t, &board{}, 0, nil)
	if err := errors.Join(hears(u, price{"keep", 1}), inquires(u, "tea")); !errors.Is(err, flow.ErrOutsideCall) {
		t.Errorf("broadcast state is changed for another row: %v", err)
	}
}

// careless declares state of keys that it does not have.
type careless struct{ board }

func (c *careless) Open(scope *state.Scope) error {
	_, err := state.NewValue[int64](scope, "sold")
	return errors.Join(err, c.board.Open(scope))
}

func TestAFunctionWithoutKeysMayNotHaveStateOfThem(t *testing.T) {
	fn := func() UnkeyedBroadcastFunc[string, price, string] { return &careless{} }
	_, _, err := PlanUnkeyedBroadcast("board", fn).Describe()
	mustSay(t, err, `operator "board" declares the state "sold", a value of each key, and has no keys: `+
		"use broadcast state, or ProcessBroadcast behind KeyBy")
}
