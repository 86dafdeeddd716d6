package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/state"
)

// diary tells of each row before and after it has read. An even number reads an entry of a map that nobody foresaw; one
// that is divisible by five sets a timer at it.
type diary struct {
	count state.Value[int64]
	by    state.Map[int64, int64]
}

func (d *diary) Open(s *state.Scope) (err error) {
	if d.count, err = state.NewValue[int64](s, "count"); err != nil {
		return err
	}
	d.by, err = state.NewMap[int64, int64](s, "by")
	return err
}

func (d *diary) Process(ctx *flow.Context, e *event, out flow.Collector[string]) error {
	n, _, err := d.count.Get(ctx)
	if err != nil {
		return err
	}
	if e.N%2 == 0 {
		out.Emit(fmt.Sprintf("%s%d asks", e.Key, e.N))
		v, there, err := d.by.Get(ctx, e.N)
		if err != nil {
			return err
		}
		if v == 13 {
			panic("an unlucky number")
		}
		out.Emit(fmt.Sprintf("%s%d hears %d %v", flow.Key[string](ctx), e.N, v, there))
	}
	if e.N%5 == 0 {
		if err := ctx.RegisterEventTimer(e.N); err != nil {
			return err
		}
	}
	out.Emit(fmt.Sprintf("%s%d=%d", e.Key, e.N, n+1))
	return errors.Join(d.by.Set(ctx, e.N, n+1), d.count.Set(ctx, n+1))
}

func (d *diary) OnTimer(ctx *flow.Context, _ flow.Timer, out flow.Collector[string]) error {
	n, _, err := d.count.Get(ctx)
	if strings.HasPrefix(flow.Key[string](ctx), "k") {
		_, _, err = d.by.Get(ctx, 77)
	}
	out.Emit(fmt.Sprintf("timer %s=%d", flow.Key[string](ctx), n))
	return err
}

// shelfRig is a rig of diaries over tables with a gate. Its output and watermarks are in seen.
type shelfRig struct {
	*rig
	*gate
	out *stage[string]
}

// newShelfRig has diaries, and rows below of which nothing is in memory, and a shut gate.
func newShelfRig(t *testing.T, place func(*Env), before ...event) *shelfRig {
	t.Helper()
	return newShelfRigOf(t, func() ProcessFunc[event, string] { return &diary{} }, place, before...)
}

func newShelfRigOf(t *testing.T, fn func() ProcessFunc[event, string], place func(*Env), before ...event) *shelfRig {
	t.Helper()
	r := &shelfRig{gate: &gate{}, out: &stage[string]{}}
	plan := PlanProcess[string, event, string]("diary", fn)
	r.rig = newRigOf(t, roomy, "diary", 1, plan, func(_ *rig, env *Env) (Operator, error) {
		env.Below = gated{env.Below, r.gate}
		place(env)
		return NewProcess(env, r.out, eventKey, fn())
	})
	r.rig.rows(nil, before...)
	r.settle()
	r.rescale(1)
	r.out.seen = nil
	r.shut()
	forget(r.op())
	return r
}

func (r *shelfRig) op() *Process[string, event, string] {
	return r.parts[0].Operator.(*Process[string, event, string])
}

func (r *shelfRig) wants(want string) { r.t.Helper(); r.out.wants(r.t, want) }

// passes lets one read through and what waits for it go on.
func (r *shelfRig) passes() {
	r.t.Helper()
	r.pass <- struct{}{}
	<-r.op().Wake()
	must(r.t, r.op().Resume())
}

func (r *shelfRig) all() {
	r.t.Helper()
	r.gate.open()
	r.settle()
}

func TestARowWhoseValueIsBelowHoldsUpNoOtherKey(t *testing.T) {
	r := newShelfRig(t, strict, event{"a", 0, 1}, event{"b", 0, 1})
	r.rows(nil, event{"b", 0, 3})
	r.passes()
	r.rows(nil, event{"a", 0, 3}, event{"b", 0, 7})
	r.wants("b3=2, b7=3")
	r.all()
	r.wants("a3=2")
}

func TestRowsOfAKeyRunInTheirOrderEachToItsEnd(t *testing.T) {
	r := newShelfRig(t, strict, event{"a", 0, 2}, event{"a", 0, 4})
	r.rows(nil, event{"a", 0, 2}, event{"a", 0, 4}, event{"a", 0, 7})
	r.passes() // its value
	r.wants("a2 asks")
	r.passes() // its entry
	r.wants("a2 hears 1 true, a2=3, a4 asks")
	r.all()
	r.wants("a4 hears 2 true, a4=4, a7=5")
}

func TestARowAsleepInItsFunctionHoldsUpNoOtherKey(t *testing.T) {
	r := newShelfRig(t, strict, event{"a", 0, 2}, event{"b", 0, 1})
	r.rows(nil, event{"a", 0, 2}, event{"b", 0, 3})
	r.passes()
	r.wants("a2 asks, b3=2")
	if in, asleep := r.op().flight.InFlight(), r.op().flight.Parked(); in != 1 || asleep != 1 {
		t.Errorf("%d in flight, %d asleep", in, asleep)
	}
	if n := r.parts[0].env.Stats.BusyKeys.Load(); n != 1 {
		t.Errorf("%d keys are busy", n)
	}
	r.all()
	r.wants("a2 hears 1 true, a2=2")
	if s := r.parts[0].env.Stats; s.Suspensions.Load() != 1 || s.InFlight.Load() != 0 || s.Waited.Load() != 2 {
		t.Errorf("%d suspensions, %d in flight, %d waited", s.Suspensions.Load(), s.InFlight.Load(), s.Waited.Load())
	}
	if s := r.parts[0].env.Stats; s.Aheads.Load() != 1 || s.AheadKeys.Load() != 2 || s.BusyKeys.Load() != 0 {
		t.Errorf("%d keys in %d reads, %d are busy", s.AheadKeys.Load(), s.Aheads.Load(), s.BusyKeys.Load())
	}
}

func TestAWatermarkLeavesAfterAllThatCameBeforeIt(t *testing.T) {
	for _, order := range []struct {
		name         string
		place        func(*Env)
		before, then string
	}{
		{"strict", strict, "a2 asks", "a2 hears 1 true, a2=2, w7, b3=3"},
		{"relaxed", relaxed, "b3=3, a2 asks", "a2 hears 1 true, a2=2, w7"},
	} {
		t.Run(order.name, func(t *testing.T) {
			r := newShelfRig(t, order.place, event{"a", 0, 2}, event{"b", 0, 1})
			r.rows(nil, event{"b", 0, 1})
			r.passes()
			r.wants("b1=2")
			r.rows(nil, event{"a", 0, 2})
			r.rig.watermark(7)
			r.rows(nil, event{"b", 0, 3})
			r.passes()
			r.wants(order.before)
			r.all()
			r.wants(order.then)
		})
	}
}

// entries are diaries without timers.
type entries struct{ diary diary }

func (e *entries) Open(s *state.Scope) error { return e.diary.Open(s) }
func (e *entries) Process(ctx *flow.Context, in *event, out flow.Collector[string]) error {
	return e.diary.Process(ctx, in, out)
}

func TestWithoutTimersARowOvertakesTheWatermarkUnlessItIsLate(t *testing.T) {
	newEntries := func() ProcessFunc[event, string] { return &entries{} }
	r := newShelfRigOf(t, newEntries, strict, event{"a", 0, 2}, event{"b", 0, 1})
	r.rows(nil, event{"b", 0, 1})
	r.passes()
	r.wants("b1=2")
	r.rows(nil, event{"a", 0, 2})
	r.rig.watermark(7)
	r.rows(nil, event{"b", 8, 3})
	r.wants("b3=3")
	r.rows(nil, event{"b", 7, 7}, event{"b", 8, 9}) // the second is behind one that waits
	r.wants("")
	r.passes()
	r.wants("a2 asks")
	r.all()
	r.wants("a2 hears 1 true, a2=2, w7, b7=4, b9=5")
}

func TestABatchWaitsForAWatermarkAlthoughNothingIsInFlightAnyMore(t *testing.T) {
	r := newShelfRig(t, strict, event{"a", 0, 1}, event{"b", 0, 1})
	r.rows(nil, event{"b", 0, 1})
	r.passes()
	r.wants("b1=2")
	r.rows(nil, event{"a", 0, 3})
	r.rig.watermark(7)
	r.pass <- struct{}{}
	<-r.op().Wake()
	r.rows(nil, event{"b", 0, 3}) // which finds that the read has come
	r.wants("a3=2, w7, b3=3")
}

func TestATimerComesBeforeTheRowsOfItsKeyThatCameBehindTheWatermark(t *testing.T) {
	r := newShelfRig(t, strict, event{"a", 0, 1})
	r.rows(nil, event{"a", 0, 5})
	r.rig.watermark(9)
	r.rows(nil, event{"a", 0, 3})
	r.all()
	r.wants("a5=2, timer a=2, w9, a3=3")
}

func TestOneRowInFlightIsEnough(t *testing.T) {
	r := newShelfRig(t, func(env *Env) { env.InFlight = 1 }, event{"a", 0, 2}, event{"b", 0, 2})
	r.rows(nil, event{"a", 0, 2}, event{"b", 0, 2}, event{"c", 0, 5})
	if !r.op().Full() || r.op().flight.InFlight() != 1 {
		t.Errorf("%d in flight, full: %v", r.op().flight.InFlight(), r.op().Full())
	}
	b := &flow.Batch[event]{}
	b.Append(event{Key: "d"}, 0)
	r.hash(b)
	if err := r.parts[0].Batch(b); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("a batch beyond the limit: %v", err)
	}
	r.gate.open()
	r.settle()
	r.rig.watermark(9)
	r.settle()
	r.wants("a2 asks, a2 hears 1 true, a2=2, b2 asks, b2 hears 1 true, b2=2, c5=1, timer c=1, w9")
}

// A task that waits for room would otherwise be told again and again that there is something to do.
func TestTimersThatATickHasComeForAreNotDueUntilThereIsRoom(t *testing.T) {
	r := newShelfRig(t, func(env *Env) { env.InFlight = 1 }, event{"a", 0, 2})
	r.rows(nil, event{"a", 0, 2})
	if due := r.op().Due(); !r.op().Full() || due.IsZero() || due.After(time.Now()) {
		t.Fatalf("full: %v; what timers there are is not known, and looked at %v", r.op().Full(), due)
	}
	must(t, r.op().Tick(time.Now()))
	if due := r.op().Due(); !due.IsZero() {
		t.Errorf("due %v, and nothing can be done", due)
	}
	r.all()
	if due := r.op().Due(); !due.IsZero() || r.op().clock != math.MinInt64 {
		t.Errorf("due %v behind a tick at %d: the timers have not been looked at", due, r.op().clock)
	}
}

// More would wait beside the state than memory has room for.
func TestRowsThatAreLargeStayOutside(t *testing.T) {
	const rows = 300
	long := strings.Repeat("x", 10_000)
	for limit, want := range map[int64]int{0: rows + 1, 1 << 20: 1, 64 << 20: rows + 1} {
		r := newShelfRig(t, func(env *Env) { env.Budget = keyed.NewBudget(limit) }, event{"a", 0, 1})
		var events []event
		for n := range rows {
			events = append(events, event{fmt.Sprint(long, n), 0, 1})
		}
		r.rows(nil, event{"a", 0, 1}) // the limit is looked at after each batch
		r.rows(nil, events...)
		if got := r.op().flight.InFlight(); got != want {
			t.Errorf("%d rows are in flight where memory is limited to %d, want %d", got, limit, want)
		}
		r.all()
		if bytes := r.op().limit.Bytes(); bytes != 0 || r.op().flight.InFlight() != 0 {
			t.Errorf("%d bytes are in flight when nothing is", bytes)
		}
	}
}

// Every timer of a watermark sleeps: they overdraw the limit by what is popped at once, and no more.
func TestAWatermarkWithManyTimersDoesNotWakeAllOfThemAtOnce(t *testing.T) {
	const timers = 3 * dueAtOnce
	r := newShelfRig(t, func(env *Env) { env.InFlight = 1 })
	r.gate.open()
	for n := range int64(timers) {
		r.rows(nil, event{fmt.Sprint("k", n), 0, 5})
	}
	r.settle()
	r.rescale(1)
	r.rig.watermark(9)
	most := 0
	for r.op().Waits() {
		most = max(most, r.op().flight.InFlight())
		<-r.op().Wake()
		must(t, r.op().Resume())
	}
	if most == 0 || most > 1+dueAtOnce {
		t.Errorf("%d were in flight", most)
	}
}

func TestABarrierWaitsForTheRowsInFlight(t *testing.T) {
	r := newShelfRig(t, strict, event{"a", 0, 2})
	r.rows(nil, event{"a", 0, 2})
	r.rig.watermark(7)
	r.gate.open()
	if _, err := r.op().Snapshot(9); err != nil {
		t.Fatal(err)
	}
	r.wants("a2 asks, a2 hears 1 true, a2=2, w7")
}

func TestAReadThatFailsFailsTheRowThatSleeps(t *testing.T) {
	r := newShelfRig(t, strict, event{"a", 0, 2})
	r.rows(nil, event{"a", 4, 2})
	r.passes()
	r.fail = errBroken
	r.pass <- struct{}{}
	<-r.op().Wake()
	err := r.op().Resume()
	var user *UserError
	if !errors.Is(err, errBroken) || !errors.As(err, &user) || user.Key != "a" || user.Time != 4 {
		t.Errorf("%v", err)
	}
}

func TestAPanicBehindAWaitNamesItsRow(t *testing.T) {
	var thirteen []event
	for n := range int64(13) {
		thirteen = append(thirteen, event{"a", 0, 2*n + 1})
	}
	thirteen[12].N = 2
	r := newShelfRig(t, strict, thirteen...)
	r.rows(nil, event{"a", 6, 2})
	r.passes()
	r.pass <- struct{}{}
	<-r.op().Wake()
	err := r.op().Resume()
	var user *UserError
	if !errors.As(err, &user) || user.Key != "a" || user.Time != 6 || !strings.Contains(err.Error(), "unlucky") ||
		!strings.Contains(string(user.Stack), "diary") {
		t.Errorf("%v", err)
	}
}

// The store is down, and a task that fails must not wait for it.
func TestReadsAndRowsAsleepEndWithTheirOperator(t *testing.T) {
	r := newShelfRig(t, strict, event{"a", 0, 2}, event{"b", 0, 2})
	r.rows(nil, event{"a", 0, 2}, event{"b", 0, 2})
	r.passes()
	r.wants("a2 asks, b2 asks")
	r.rows(nil, event{"c", 0, 1})
	r.close()
}

// lingering is Below whose scans go on for a while when their context has ended.
type lingering struct {
	keyed.Below
	under *atomic.Int32
	begun chan struct{}
	once  *sync.Once
}

func (l lingering) Scan(ctx context.Context, _, _ []byte, visit func(k, v []byte) error) error {
	l.under.Add(1)
	defer l.under.Add(-1)
	l.once.Do(func() { close(l.begun) })
	<-ctx.Done()
	<-time.After(20 * time.Millisecond)
	return errors.Join(visit(make([]byte, 64), nil), context.Cause(ctx))
}

// lister goes twice through a map that nobody foresaw, or sets an entry of it for a number that is odd.
type lister struct {
	by    state.Map[int64, int64]
	under *atomic.Int32
	seen  []int32 // reads under way when the function went on
}

func (l *lister) Open(s *state.Scope) (err error) {
	l.by, err = state.NewMap[int64, int64](s, "by")
	return err
}

func (l *lister) Process(ctx *flow.Context, e *event, _ flow.Collector[string]) error {
	if e.N%2 == 1 {
		return l.by.Set(ctx, e.N, 0)
	}
	for range 2 {
		if all, err := l.by.All(ctx); err == nil {
			_ = maps.Collect(all)
		}
		l.seen = append(l.seen, l.under.Load())
	}
	return nil
}

func TestAFunctionThatEndsWithItsOperatorGoesOnWhenItsReadIsOver(t *testing.T) {
	var under atomic.Int32
	begun := make(chan struct{})
	fn := &lister{under: &under}
	r := newShelfRigOf(t, func() ProcessFunc[event, string] { return fn }, func(env *Env) {
		env.Below = lingering{env.Below, &under, begun, new(sync.Once)}
	}, event{"a", 0, 1})
	r.rows(nil, event{"a", 0, 2})
	<-r.op().Wake()
	must(t, r.op().Resume())
	<-begun
	r.close()
	if want := []int32{0, 0}; !slices.Equal(fn.seen, want) {
		t.Errorf("%v reads were under way, want %v", fn.seen, want)
	}
}

func TestTheFirstKeysOfABatchAreBackBeforeTheOthers(t *testing.T) {
	var before, then []event
	for i := range 5 * firstKeys {
		before = append(before, event{fmt.Sprint("k", i), 0, 1})
		then = append(then, event{fmt.Sprint("k", i), 0, 3})
	}
	r := newShelfRig(t, strict, before...)
	r.rows(nil, append(then, then[0], then[4*firstKeys])...)
	var left []int
	for range 4 {
		left = append(left, r.op().flight.InFlight())
		r.passes()
	}
	// Parts of 8, 8, 16 and 8 keys come back in any order. Two rows more are of keys of the first and the last part.
	if left[0] != 5*firstKeys+2 {
		t.Errorf("%d in flight at first", left[0])
	}
	if left[3] < firstKeys || left[3] > 2*firstKeys+1 || left[2] <= left[3] || left[1] <= left[2] {
		t.Errorf("%v in flight before each part was back", left)
	}
	if in := r.op().flight.InFlight(); in != 0 {
		t.Errorf("%d in flight when all parts are back", in)
	}
}
