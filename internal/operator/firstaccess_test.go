package operator

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

// caller says that it has begun before it uses its state, which one that is divisible by ten never does.
type caller struct{ diary }

func (c *caller) Process(ctx *flow.Context, e *event, out flow.Collector[string]) error {
	out.Emit(fmt.Sprintf("%s%d begins", e.Key, e.N))
	if e.N%10 == 0 {
		return nil
	}
	return c.diary.Process(ctx, e, out)
}

func newCallers(t *testing.T, place func(*Env), before ...event) *shelfRig {
	t.Helper()
	return newShelfRigOf(t, func() ProcessFunc[event, string] { return &caller{} },
		func(env *Env) { place(env); env.FirstAccess = true }, before...)
}

func TestRowsBeginBeforeTheirStateIsThereAndAccessItInTheirOrder(t *testing.T) {
	r := newCallers(t, strict, event{"a", 0, 1})
	r.rows(nil, event{"a", 0, 3}, event{"a", 0, 10}, event{"a", 0, 2})
	r.wants("a3 begins, a10 begins, a2 begins")
	if s := r.parts[0].env.Stats; s.Suspended.Load() != 2 || s.InFlight.Load() != 2 || s.BusyKeys.Load() != 1 {
		t.Errorf("%d sleep, %d in flight, %d keys", s.Suspended.Load(), s.InFlight.Load(), s.BusyKeys.Load())
	}
	r.passes() // its value
	r.wants("a3=2, a2 asks")
	r.rows(nil, event{"a", 0, 7})
	r.wants("a7 begins") // its state is in memory, and its key is busy
	r.all()
	r.wants("a2 hears 0 false, a2=3, a7=4")
	if n := r.op().flight.InFlight(); n != 0 || len(r.op().entries) != 0 {
		t.Errorf("%d in flight, %d entries", n, len(r.op().entries))
	}
}

func TestARowBehindAWatermarkDoesNotBeginBeforeIt(t *testing.T) {
	r := newCallers(t, strict, event{"a", 0, 1}, event{"b", 0, 1})
	r.rows(nil, event{"a", 0, 5})
	r.rig.watermark(9)
	r.rows(nil, event{"a", 0, 3}, event{"b", 0, 3})
	r.wants("a5 begins")
	r.all()
	r.wants("a5=2, timer a=2, w9, a3 begins, a3=3, b3 begins, b3=2")
}

func TestATimerMayBeAFirstAccess(t *testing.T) {
	sets := func() ProcessFunc[event, string] { return &setter{} }
	r := newShelfRigOf(t, sets, func(env *Env) { env.FirstAccess = true }, event{"a", 0, 5})
	r.rows(nil, event{"a", 0, 7})
	r.wants("a7 begins")
	r.all()
	r.wants("a7 is set")
	r.rig.watermark(7)
	r.settle()
	r.wants("timer a=0, timer a=0, w7")
}

// setter does nothing with its key but set a timer.
type setter struct{ diary }

func (s *setter) Process(ctx *flow.Context, e *event, out flow.Collector[string]) error {
	out.Emit(fmt.Sprintf("%s%d begins", e.Key, e.N))
	err := ctx.RegisterEventTimer(e.N)
	out.Emit(fmt.Sprintf("%s%d is set", e.Key, e.N))
	return err
}

func TestRowsThatWaitForTheirFirstAccessAreCountedAsInFlight(t *testing.T) {
	r := newCallers(t, func(env *Env) { env.InFlight = 2 }, event{"a", 0, 1})
	r.rows(nil, event{"a", 0, 1}, event{"a", 0, 3}, event{"a", 0, 7})
	r.wants("a1 begins, a3 begins")
	if !r.op().Full() {
		t.Error("there is room for more")
	}
	r.all()
	r.wants("a1=2, a7 begins, a3=3, a7=4")
}

func TestRowsThatWaitForTheirFirstAccessEndWithTheirOperator(t *testing.T) {
	r := newCallers(t, strict, event{"a", 0, 1})
	r.rows(nil, event{"a", 0, 1}, event{"a", 0, 3})
	r.wants("a1 begins, a3 begins")
	r.close()
}

func TestAFirstAccessWhenTheTaskEndsFailsAsTheTaskDoes(t *testing.T) {
	over := errors.New("over")
	var cancel context.CancelCauseFunc
	r := newCallers(t, func(env *Env) { env.Context, cancel = context.WithCancelCause(env.Context) }, event{"a", 0, 1})
	cancel(over)
	b := &flow.Batch[event]{}
	b.Append(event{"a", 0, 1}, 0)
	r.hash(b)
	if err := r.parts[0].Batch(b); !errors.Is(err, over) || errors.Is(err, flow.ErrOutsideCall) {
		t.Errorf("%v", err)
	}
	r.gate.open()
}

func TestAFirstAccessOnAnotherGoroutineIsRefused(t *testing.T) {
	r := newShelfRigOf(t, func() ProcessFunc[event, string] { return &strayed{} },
		func(env *Env) { env.FirstAccess = true }, event{"a", 0, 1})
	r.rows(nil, event{"a", 0, 1})
	r.wants("refused")
	r.gate.open()
	r.settle()
}

// strayed looks for its state on a goroutine of its own.
type strayed struct{ diary }

func (s *strayed) Process(ctx *flow.Context, _ *event, out flow.Collector[string]) error {
	result := make(chan error)
	go func() { _, _, err := s.count.Get(ctx); result <- err }()
	if err := <-result; err != nil {
		out.Emit("refused")
	}
	return nil
}
