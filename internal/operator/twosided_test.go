package operator

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/state"
)

// order and payment are the rows of two sides.
type order struct {
	Key    string
	Amount int64
}

type payment struct {
	Amount int64
	By     string
}

// cashier adds payments to what orders took, in state of their key, and asks a map that nobody foresaw for amounts
// that are even. An order sets a timer.
type cashier struct {
	balance state.Value[int64]
	asked   state.Map[int64, int64]
	closed  int
	fail    string
}

func (c *cashier) Open(s *state.Scope) (err error) {
	if c.balance, err = state.NewValue[int64](s, "balance"); err != nil {
		return err
	}
	c.asked, err = state.NewMap[int64, int64](s, "asked")
	return err
}

func (c *cashier) change(ctx *flow.Context, amount int64, what string, out flow.Collector[string]) error {
	if what == c.fail {
		return errBroken
	}
	if amount%2 == 0 {
		if _, _, err := c.asked.Get(ctx, amount); err != nil {
			return err
		}
	}
	n, _, err := c.balance.Get(ctx)
	out.Emit(fmt.Sprintf("%s %s %d", flow.Key[string](ctx), what, n+amount))
	return errors.Join(err, c.balance.Set(ctx, n+amount), c.asked.Set(ctx, amount, 1))
}

func (c *cashier) ProcessLeft(ctx *flow.Context, o *order, out flow.Collector[string]) error {
	return errors.Join(c.change(ctx, -o.Amount, "owes", out), ctx.RegisterEventTimer(o.Amount))
}

func (c *cashier) ProcessRight(ctx *flow.Context, p *payment, out flow.Collector[string]) error {
	return c.change(ctx, p.Amount, "pays", out)
}

func (c *cashier) OnTimer(ctx *flow.Context, _ flow.Timer, out flow.Collector[string]) error {
	out.Emit(flow.Key[string](ctx) + " is reminded")
	return nil
}

func (c *cashier) Close() error { c.closed++; return nil }

// foresight is a cashier that says what it will ask.
type foresight struct{ *cashier }

func (f foresight) PrefetchLeft(ctx *flow.Prefetch, o *order) error {
	f.asked.Prefetch(ctx, -o.Amount)
	return nil
}

func (f foresight) PrefetchRight(ctx *flow.Prefetch, p *payment) error {
	f.asked.Prefetch(ctx, p.Amount)
	return nil
}

// till is a rig of cashiers. Events of a negative number are orders, others payments.
type till struct {
	*rig
	*gate
	out *stage[string]
}

// atTill sorts events by their side.
type atTill struct {
	*CoProcess[string, order, payment, string]
	left  Receiver[order]
	right Receiver[payment]
}

func (a atTill) Batch(b *flow.Batch[event]) error {
	left, right := &flow.Batch[order]{}, &flow.Batch[payment]{}
	for i, e := range b.Rows {
		if e.N < 0 {
			left.Append(order{e.Key, -e.N}, e.Time)
			left.Hashes = append(left.Hashes, b.Hashes[i])
		} else {
			right.Append(payment{e.N, e.Key}, e.Time)
			right.Hashes = append(right.Hashes, b.Hashes[i])
		}
	}
	for _, deliver := range []func() error{
		func() error { return a.left.Batch(left) }, func() error { return a.right.Batch(right) },
	} {
		for a.Full() {
			<-a.Wake()
			if err := a.Resume(); err != nil {
				return err
			}
		}
		if err := deliver(); err != nil {
			return err
		}
	}
	return nil
}

func newTill(t *testing.T, fn func() CoProcessFunc[order, payment, string], place func(*Env)) *till {
	t.Helper()
	r := &till{gate: &gate{}, out: &stage[string]{}}
	plan := PlanCoProcess[string]("till", fn)
	r.rig = newRigOf(t, roomy, "till", 1, plan, func(_ *rig, env *Env) (Operator, error) {
		env.Below = gated{env.Below, r.gate}
		place(env)
		byOrder, byPayment := func(o *order) string { return o.Key }, func(p *payment) string { return p.By }
		p, err := NewCoProcess(env, r.out, byOrder, byPayment, fn())
		if err != nil {
			return nil, err
		}
		return atTill{p, As[order](p.Side(Left)), As[payment](p.Side(Right))}, nil
	})
	return r
}

func (r *till) op() atTill { return r.parts[0].Operator.(atTill) }

func (r *till) wants(want string) { r.t.Helper(); r.out.wants(r.t, want) }

func plainCashier() CoProcessFunc[order, payment, string] { return &cashier{} }

func TestRowsOfBothSidesShareTheStateOfTheirKey(t *testing.T) {
	r := newTill(t, plainCashier, strict)
	r.rows(nil, event{"ann", 0, -5}, event{"bob", 0, -3}, event{"ann", 0, 7})
	r.wants("ann owes -5, bob owes -3, ann pays 2")
	r.rescale(1)
	r.rows(nil, event{"ann", 0, -1})
	r.settle()
	r.rows(nil, event{"bob", 0, 3})
	r.settle()
	r.wants("ann owes 1, bob pays 0")
}

func TestAFunctionOfTwoSidesHasTimersAndAnEnd(t *testing.T) {
	var last *cashier
	r := newTill(t, func() CoProcessFunc[order, payment, string] { last = &cashier{}; return last }, strict)
	r.rows(nil, event{"ann", 0, -5}, event{"bob", 0, -9})
	r.watermark(6)
	r.wants("ann owes -5, bob owes -9, ann is reminded, w6")
	r.close()
	if last.closed != 1 {
		t.Errorf("closed %d times", last.closed)
	}
}

func TestTheErrorOfASideNamesItsKey(t *testing.T) {
	for what, e := range map[string]event{"owes": {"ann", 4, -5}, "pays": {"ann", 4, 5}} {
		r := newTill(t, func() CoProcessFunc[order, payment, string] { return &cashier{fail: what} }, strict)
		b := rowsOf(e)
		r.hash(b)
		var user *UserError
		if err := r.op().Batch(b); !errors.As(err, &user) || user.Key != "ann" || !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a side has said beforehand is read for the whole batch, and no row sleeps in its function.
func TestEachSideSaysBeforehandWhatItWillUse(t *testing.T) {
	for _, c := range []struct {
		fn     func() CoProcessFunc[order, payment, string]
		asleep int64
	}{
		{plainCashier, 4},
		{func() CoProcessFunc[order, payment, string] { return foresight{&cashier{}} }, 0},
	} {
		r := newTill(t, c.fn, strict)
		r.rows(nil, event{"ann", 0, -2}, event{"bob", 0, -4}, event{"ann", 0, 2}, event{"bob", 0, 4})
		r.rescale(1)
		r.out.seen = nil
		r.rows(nil, event{"ann", 0, -2}, event{"bob", 0, -4}, event{"ann", 0, 2}, event{"bob", 0, 4})
		r.settle()
		if n := r.op().env.Stats.Suspensions.Load(); n != c.asleep {
			t.Errorf("%d rows slept, want %d", n, c.asleep)
		}
	}
}

// lined renders the rows and events of a line.
func lined(l channel.Line) string {
	var all []string
	for _, m := range l.Messages {
		switch b := m.Batch.(type) {
		case *flow.Batch[order]:
			all = append(all, fmt.Sprint(b.Rows, b.Times))
		case *flow.Batch[payment]:
			all = append(all, fmt.Sprint(b.Rows, b.Times))
		default:
			all = append(all, fmt.Sprint("w", m.Watermark))
		}
	}
	return strings.Join(all, " ")
}

func TestRowsThatHaveNotBegunLeaveByTheSideThatTheyCameBy(t *testing.T) {
	var u channel.Urgency
	r := newTill(t, plainCashier, func(env *Env) { env.Urgency = &u })
	r.rows(nil, event{"ann", 0, -1}, event{"bob", 0, 1})
	r.rescale(1)
	r.out.seen = nil
	r.shut()
	forget(r.op())
	r.rows(nil, event{"ann", 3, -5})
	must(t, r.op().Watermark(4))
	b := rowsOf(event{"bob", 6, 9})
	r.hash(b)
	must(t, r.op().Batch(b))
	u.By(time.Now())
	s, err := r.op().Snapshot(2)
	must(t, err)
	s.State.Failed()
	if len(s.InFlight) != 2 {
		t.Fatalf("%d lines", len(s.InFlight))
	}
	for side, want := range []string{"[{ann 5}] [3] w4", "w4 [{9 bob}] [6]"} {
		if l := s.InFlight[side]; l.Input != side || lined(l) != want {
			t.Errorf("side %d has left %q by %d, want %q", side, lined(l), l.Input, want)
		}
	}
	u.Over()
	must(t, r.op().Resume())
	r.gate.open()
	r.settle()
	r.wants("ann owes -6, ann is reminded, w4, bob pays 10") // they go on behind it
}

func TestBatchesOfBothSidesAreUsedAgain(t *testing.T) {
	r := newTill(t, plainCashier, strict)
	for range 5 {
		r.rows(nil, event{"ann", 0, -5}, event{"bob", 0, 3})
	}
	if rows := r.op().CoProcess.rows; len(rows.under) != 0 || len(rows.free) != 1 {
		t.Errorf("%d batches are in use, %d are free", len(rows.under), len(rows.free))
	}
}
