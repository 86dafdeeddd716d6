package operator

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/state"
)

// price is a row that every subtask gets.
type price struct {
	Item string
	Each int64
}

// shop sells events' numbers of the item that is the key, at the price of the moment.
type shop struct {
	sold   state.Map[int64, int64]
	prices state.Broadcast[string, int64]
	kept   *flow.BroadcastContext
}

func (s *shop) Open(scope *state.Scope) (err error) {
	if s.sold, err = state.NewMap[int64, int64](scope, "sold"); err != nil {
		return err
	}
	s.prices, err = state.NewBroadcast[string, int64](scope, "prices")
	return err
}

func (s *shop) Process(ctx *flow.Context, e *event, out flow.Collector[string]) error {
	before, _ := s.prices.Get(e.Key)
	_, _, err := s.sold.Get(ctx, e.N)
	after, _ := s.prices.Get(e.Key)
	out.Emit(fmt.Sprintf("%s %d for %d", e.Key, e.N, e.N*after))
	if before != after {
		out.Emit("the price has changed meanwhile")
	}
	if s.kept != nil {
		err = errors.Join(err, s.prices.Set(s.kept, "late", 1))
	}
	return errors.Join(err, s.sold.Set(ctx, e.N, 1))
}

func (s *shop) ProcessBroadcast(ctx *flow.BroadcastContext, p *price, out flow.Collector[string]) error {
	switch p.Item {
	case "nothing":
		return errBroken
	case "panic":
		panic("at the till")
	case "keep":
		s.kept = ctx
	}
	out.Emit(fmt.Sprintf("%s at %d from %d on, by %s", p.Item, p.Each, ctx.Time, at(ctx.Watermark)))
	if p.Each == 0 {
		return s.prices.Remove(ctx, p.Item)
	}
	return s.prices.Set(ctx, p.Item, p.Each)
}

func newShop(t *testing.T, place func(*Env)) *shelfRig {
	t.Helper()
	r := &shelfRig{gate: &gate{}, out: &stage[string]{}}
	fn := func() BroadcastFunc[event, price, string] { return &shop{} }
	plan := PlanBroadcast[string]("shop", fn)
	r.rig = newRigOf(t, roomy, "shop", 4, plan, func(_ *rig, env *Env) (Operator, error) {
		env.Below = gated{env.Below, r.gate}
		place(env)
		p, err := NewProcessBroadcast(env, r.out, eventKey, fn())
		return atShop{p}, err
	})
	return r
}

// atShop takes events on its left side.
type atShop struct {
	*ProcessBroadcast[string, event, price, string]
}

func (a atShop) Batch(b *flow.Batch[event]) error { return As[event](a.Side(Left)).Batch(b) }

// announce sends prices to all subtasks.
func announce(r *shelfRig, prices ...price) (err error) {
	for _, p := range r.parts {
		err = errors.Join(err, As[price](p.Operator.(TwoSided).Side(Right)).Batch(rowsOf(prices...)))
	}
	return err
}

func TestRowsFindWhatWasBroadcastBeforeThem(t *testing.T) {
	r := newShop(t, strict)
	r.rows(nil, event{"tea", 0, 2})
	must(t, announce(r, price{"tea", 3}, price{"milk", 1}))
	r.rows(nil, event{"tea", 0, 2}, event{"milk", 0, 5})
	must(t, announce(r, price{"tea", 0}))
	r.rows(nil, event{"tea", 0, 1})
	r.wants("tea 2 for 0, tea at 3 from 1 on, by -, milk at 1 from 2 on, by -, " +
		"tea 2 for 6, milk 5 for 5, tea at 0 from 1 on, by -, tea 1 for 0")
}

// Rows that wait for state began before what is broadcast behind them, and see nothing of it.
func TestWhatIsBroadcastWaitsForTheRowsBeforeIt(t *testing.T) {
	r := newShop(t, strict)
	must(t, announce(r, price{"tea", 3}))
	r.rows(nil, event{"tea", 0, 1})
	r.rescale(1)
	r.out.seen = nil
	r.shut()
	r.rows(nil, event{"tea", 0, 2})
	must(t, announce(r, price{"tea", 5}))
	r.wants("")
	r.gate.open()
	r.settle()
	r.wants("tea 2 for 6, tea at 5 from 1 on, by -")
	r.rows(nil, event{"tea", 0, 4})
	r.settle()
	r.wants("tea 4 for 20")
}

func TestEverySubtaskHasWhatOneOfThemHadAtACheckpoint(t *testing.T) {
	r := newShop(t, strict)
	r.rescale(3)
	must(t, announce(r, price{"tea", 3}, price{"milk", 1}))
	var all [][]byte
	for i, p := range r.parts {
		s := p.snapshot(uint64(7 + i))
		s.State.Failed()
		all = append(all, s.Broadcasts)
	}
	if len(all[0]) == 0 || all[1] != nil || all[2] != nil {
		t.Fatalf("the subtasks leave %q", all)
	}
	for _, parallelism := range []int{2, 4, 1} {
		r.rescale(parallelism)
		for i, p := range r.parts {
			if got := p.Operator.(atShop).state.store.Broadcasts(); !bytes.Equal(got, all[0]) {
				t.Errorf("subtask %d of %d has %q, want %q", i, parallelism, got, all[0])
			}
		}
	}
}

// They have come to every subtask, and some have processed them.
func TestAnUrgentBarrierLeavesNothingBehindThatWasBroadcast(t *testing.T) {
	var u channel.Urgency
	r := newShop(t, func(env *Env) { env.Urgency = &u })
	r.rows(nil, event{"tea", 0, 1})
	r.rescale(1)
	r.out.seen = nil
	r.shut()
	r.rows(nil, event{"tea", 0, 2})
	must(t, announce(r, price{"tea", 5}))
	u.By(time.Now())
	go r.gate.open()
	s := r.parts[0].snapshot(9)
	s.State.Failed()
	if len(s.InFlight) > 0 || !bytes.Contains(s.Broadcasts, []byte("tea")) {
		t.Errorf("left %+v, with %q", s.InFlight, s.Broadcasts)
	}
	r.wants("tea 2 for 0, tea at 5 from 1 on, by -")
}

func TestAFunctionThatFailsForWhatIsBroadcastFailsTheTask(t *testing.T) {
	for item, want := range map[string]string{
		"nothing": `operator "shop", subtask 0, event time 1970-01-01T00:00:00.001Z: broken`,
		"panic":   `operator "shop", subtask 0, event time 1970-01-01T00:00:00.001Z: panic: at the till`,
	} {
		r := newShop(t, strict)
		mustSay(t, announce(r, price{item, 1}), want)
	}
}

func TestBroadcastStateIsChangedForNothingElse(t *testing.T) {
	r := newShop(t, strict)
	must(t, announce(r, price{"keep", 1}))
	b := rowsOf(event{"tea", 0, 1})
	r.hash(b)
	if err := r.parts[0].Batch(b); !errors.Is(err, flow.ErrOutsideCall) {
		t.Errorf("%v", err)
	}
}
