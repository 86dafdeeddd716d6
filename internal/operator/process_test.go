package operator

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/state"
)

// tally counts the events of each key. What it does besides is said by the event's number: n > 0 sets an event
// timer at n, n < 0 a processing timer at −n, 100 fails, 101 panics.
type tally struct {
	count  state.Value[int64]
	ring   func(ctx *flow.Context) error // at each timer; may be nil
	open   error
	close  error
	closed int
}

func (f *tally) Open(s *state.Scope) (err error) {
	if f.open != nil {
		return f.open
	}
	f.count, err = state.NewValue[int64](s, "count")
	return err
}

func (f *tally) Process(ctx *flow.Context, e *event, out flow.Collector[string]) error {
	switch {
	case e.N == 100:
		return errBroken
	case e.N == 101:
		panic("cannot go on")
	case e.N > 0:
		if err := ctx.RegisterEventTimer(e.N); err != nil {
			return err
		}
	case e.N < 0:
		if err := ctx.RegisterProcessingTimer(-e.N); err != nil {
			return err
		}
	}
	if err := f.count.Update(ctx, func(n *int64) { *n++ }); err != nil {
		return err
	}
	n, _, err := f.count.Get(ctx)
	out.Emit(fmt.Sprintf("%s=%d", flow.Key[string](ctx), n))
	return err
}

func (f *tally) OnTimer(ctx *flow.Context, timer flow.Timer, out flow.Collector[string]) error {
	n, _, err := f.count.Get(ctx)
	kind := "event"
	if timer.Processing {
		kind = "clock"
	}
	out.Emit(fmt.Sprintf("%s:%s=%d", kind, flow.Key[string](ctx), n))
	if f.ring != nil {
		err = f.ring(ctx)
	}
	return err
}

func (f *tally) Close() error { f.closed++; return f.close }

// desk is a process operator with its surroundings.
type desk struct {
	*Process[string, event, string]
	t    *testing.T
	env  *Env
	fn   *tally
	out  *stage[string]
	hash func(*flow.Batch[event])
}

func newDesk(t *testing.T, env *Env, fn *tally) *desk {
	t.Helper()
	hash, err := NewHasher(eventKey)
	must(t, err)
	d := &desk{t: t, env: env, fn: fn, out: &stage[string]{}, hash: hash}
	d.Process, err = NewProcess[string, event, string](env, d.out, eventKey, fn)
	must(t, err)
	return d
}

// openDesk is one that is ready for events.
func openDesk(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t, place("count"), &tally{})
	must(t, d.Open())
	return d
}

func (d *desk) send(events ...event) error {
	b := PoolOf[event]().Get()
	for _, e := range events {
		b.Append(e, e.Time)
	}
	d.hash(b)
	return d.Batch(b)
}

func TestAFunctionSeesTheStateOfItsKey(t *testing.T) {
	d := openDesk(t)
	must(t, d.send(event{"a", 1, 0}, event{"b", 2, 0}, event{"a", 3, 0}))
	must(t, d.send(event{"a", 4, 0}))
	d.out.expect(t, "a=1@1 b=1@2 a=2@3 a=3@4")
	if in, made := d.env.Stats.RowsIn.Load(), d.env.Stats.RowsOut.Load(); in != 4 || made != 4 {
		t.Errorf("%d rows in, %d out", in, made)
	}
}

func TestEventTimersFireBeforeTheWatermarkGoesOn(t *testing.T) {
	d := openDesk(t)
	must(t, d.send(event{"a", 1, 7}, event{"b", 2, 5}, event{"c", 3, 8}))
	d.out.expect(t, "a=1@1 b=1@2 c=1@3")
	must(t, d.Watermark(4))
	d.out.expect(t, "w4")
	must(t, d.Watermark(7))
	d.out.expect(t, "event:b=1@5 event:a=1@7 w7")
	must(t, d.Watermark(flow.EndOfTime))
	d.out.expect(t, "event:c=1@8 wend")
}

func TestATimerThatATimerSetsFiresWithItIfItIsDue(t *testing.T) {
	d := openDesk(t)
	d.fn.ring = func(ctx *flow.Context) error {
		if ctx.Time >= 8 {
			return nil
		}
		return ctx.RegisterEventTimer(ctx.Time + 2)
	}
	must(t, d.send(event{"a", 1, 4}))
	must(t, d.Watermark(7))
	d.out.expect(t, "a=1@1 event:a=1@4 event:a=1@6 w7")
	must(t, d.Watermark(flow.EndOfTime))
	d.out.expect(t, "event:a=1@8 wend")
}

func TestProcessingTimersFireByTheClockAndNotAtTheEndOfTime(t *testing.T) {
	d := openDesk(t)
	if !d.Due().IsZero() {
		t.Errorf("without timers it is due at %v", d.Due())
	}
	must(t, d.send(event{"a", 1, -5000}, event{"b", 2, -3000}))
	if due := d.Due(); !due.Equal(time.UnixMilli(3000)) {
		t.Errorf("due at %v", due)
	}
	must(t, d.Watermark(flow.EndOfTime))
	d.out.expect(t, "a=1@1 b=1@2 wend")
	must(t, d.Tick(time.UnixMilli(4999)))
	d.out.expect(t, "clock:b=1@3000")
	must(t, d.Tick(time.UnixMilli(5000)))
	d.out.expect(t, "clock:a=1@5000")
	if !d.Due().IsZero() {
		t.Errorf("it is still due at %v", d.Due())
	}
}

func TestAnOperatorThatIsNotOpenIsNeverDue(t *testing.T) {
	d := newDesk(t, place("count"), &tally{})
	if !d.Due().IsZero() || d.Tick(time.Now()) != nil {
		t.Error("it has something to do")
	}
}

func TestTheErrorOfAFunctionNamesOperatorKeyAndTime(t *testing.T) {
	d := openDesk(t)
	err := d.send(event{"the key", 5, 100})
	mustSay(t, err, `operator "count", subtask 0, key the key, event time 1970-01-01T00:00:00.005Z: broken`)
	if !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
	d = openDesk(t)
	err = d.send(event{"the key", 5, 101})
	mustSay(t, err, "key the key", "00:00:00.005Z", "panic: cannot go on", "process_test.go:")
}

func TestTheErrorOfATimerNamesItsKeyAndTime(t *testing.T) {
	for name, ring := range map[string]func(*flow.Context) error{
		"broken":    func(*flow.Context) error { return errBroken },
		"panic: no": func(*flow.Context) error { panic("no") },
	} {
		d := openDesk(t)
		d.fn.ring = ring
		must(t, d.send(event{"x", 1, 9}, event{"y", 2, -9}))
		mustSay(t, d.Watermark(9), `operator "count"`, "key x", "00:00:00.009Z", name)
		mustSay(t, d.Tick(time.UnixMilli(9)), `operator "count"`, "key y", "00:00:00.009Z", name)
	}
}

func TestTheContextEndsWithTheCall(t *testing.T) {
	d := openDesk(t)
	var kept *flow.Context
	d.fn.ring = func(ctx *flow.Context) error { kept = ctx; return nil }
	must(t, d.send(event{"a", 1, 3}))
	must(t, d.Watermark(3))
	for what, err := range map[string]error{
		"register event": kept.RegisterEventTimer(9), "cancel event": kept.CancelEventTimer(9),
		"register processing": kept.RegisterProcessingTimer(9), "cancel processing": kept.CancelProcessingTimer(9),
		"set": d.fn.count.Set(kept, 1), "clear": d.fn.count.Clear(kept),
	} {
		if !errors.Is(err, flow.ErrOutsideCall) {
			t.Errorf("%s after the call: %v", what, err)
		}
	}
}

// What the documentation says cannot be detected: the Context is the same in every call.
func TestAContextThatIsKeptStandsForTheKeyOfALaterCall(t *testing.T) {
	d := openDesk(t)
	var kept *flow.Context
	var keys []string
	d.fn.ring = func(ctx *flow.Context) error {
		if kept == nil {
			kept = ctx
		}
		keys = append(keys, flow.Key[string](kept))
		return nil
	}
	must(t, d.send(event{"a", 1, 3}, event{"b", 2, 4}))
	must(t, d.Watermark(9))
	if got := strings.Join(keys, " "); got != "a b" {
		t.Errorf("%s", got)
	}
}

// goOn takes a checkpoint of the desk and opens others from it, at a parallelism.
func (d *desk) goOn(parallelism int) (desks []*desk) {
	d.t.Helper()
	r := newRigOf(d.t, roomy, "count", rigGroups, plannedTally(), func(_ *rig, env *Env) (Operator, error) {
		desks = append(desks, newDesk(d.t, env, &tally{}))
		return desks[len(desks)-1].Process, nil
	})
	r.parts[0].Operator, r.parts[0].env = d.Process, d.env
	r.rescale(parallelism)
	return desks[1:]
}

func plannedTally() *Planned {
	return PlanProcess[string]("count", func() ProcessFunc[event, string] { return &tally{} })
}

func TestStateAndTimersGoOnFromASnapshot(t *testing.T) {
	d := openDesk(t)
	must(t, d.send(event{"a", 1, 50}, event{"b", 2, -50}, event{"a", 3, 0}))
	next := d.goOn(1)[0]
	must(t, next.send(event{"a", 4, 0}))
	must(t, next.leave())
	must(t, next.Watermark(50))
	must(t, next.Tick(time.UnixMilli(50)))
	next.out.expect(t, "a=3@4 event:a=3@50 w50 clock:b=1@50")
}

// counted is a writer that counts.
type counted struct{ sets, deletes, ranges int }

func (c *counted) Set(_, _ []byte) error         { c.sets++; return nil }
func (c *counted) Delete([]byte) error           { c.deletes++; return nil }
func (c *counted) DeleteRange(_, _ []byte) error { c.ranges++; return nil }

func TestWhatHappensBehindASnapshotIsNotInIt(t *testing.T) {
	d := openDesk(t)
	must(t, d.send(event{"a", 1, 0}))
	snap, err := d.Snapshot(1)
	must(t, err)
	must(t, d.send(event{"a", 2, 0}, event{"b", 3, 0}))
	var w counted
	if n := snap.State.Entries(); n != 1 {
		t.Errorf("it says that it has %d entries", n)
	}
	must(t, snap.State.WriteTo(&w))
	if want := (counted{sets: 1}); w != want {
		t.Errorf("%+v, want the count of one key", w)
	}
}

func TestEachKeyGoesOnInOneSubtask(t *testing.T) {
	d := openDesk(t)
	for i := range 40 {
		must(t, d.send(event{fmt.Sprint("k", i), 1, 77}))
	}
	total := 0
	for _, next := range d.goOn(3) {
		must(t, next.Watermark(77))
		for _, what := range next.out.seen {
			if strings.HasPrefix(what, "event:k") && strings.HasSuffix(what, "=1@77") {
				total++
			}
		}
		if len(next.out.seen) < 2 {
			t.Error("a subtask has no key")
		}
	}
	if total != 40 {
		t.Errorf("%d timers fired, want 40", total)
	}
}

func TestStateOfAnotherTypeIsRefused(t *testing.T) {
	key, states, err := plannedTally().Describe()
	must(t, err)
	one := func(schema string) []checkpoint.State {
		return []checkpoint.State{{Name: "gone", Kind: "value"}, {Name: "count", Kind: "value", Schema: schema}}
	}
	fit, err := plannedTally().Check("int64", one(`{"kind":"int64"}`))
	must(t, err)
	if fit.Key == nil || fit.States[0] != nil || fit.States[1] != nil {
		t.Errorf("keys of another type: %+v", fit)
	}
	fit, err = plannedTally().Check(key, one("what is this"))
	must(t, err)
	if fit.Key != nil || fit.States[0] != nil || fit.States[1] == nil {
		t.Errorf("a state of another type: %+v", fit)
	}
	fit, err = plannedTally().Check(key, states)
	must(t, err)
	must(t, errors.Join(append(fit.States, fit.Key)...))
	var names []string
	for _, s := range states {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "count timers/event timers/processing" {
		t.Errorf("states %s", got)
	}
}

func TestAFunctionThatCannotBeOpenedFailsThePlanAndTheTask(t *testing.T) {
	d := newDesk(t, place("count"), &tally{open: errBroken})
	mustSay(t, d.Open(), `operator "count", subtask 0: broken`)
	must(t, d.Close())
	_, _, err := plannedWith(errBroken).Describe()
	mustSay(t, err, `operator "count"`, "broken")
	_, err = plannedWith(errBroken).Check("", nil)
	mustSay(t, err, "broken")
}

func plannedWith(err error) *Planned {
	return PlanProcess[string]("count", func() ProcessFunc[event, string] { return &tally{open: err} })
}

func TestAFunctionIsClosedOnceAndItsErrorIsNamed(t *testing.T) {
	d := openDesk(t)
	d.fn.close = errBroken
	mustSay(t, d.Close(), `operator "count", subtask 0: broken`)
	if d.fn.closed != 1 {
		t.Errorf("closed %d times", d.fn.closed)
	}
}

// mute is a function without timers and without Close.
type mute struct{ err error }

func (*mute) Open(*state.Scope) error { return nil }
func (m *mute) Process(ctx *flow.Context, e *event, _ flow.Collector[string]) error {
	for _, err := range []error{
		ctx.RegisterEventTimer(1), ctx.RegisterProcessingTimer(1), ctx.CancelEventTimer(1), ctx.CancelProcessingTimer(1),
	} {
		if !errors.Is(err, flow.ErrNoTimers) {
			m.err = fmt.Errorf("without OnTimer: %v", err)
		}
	}
	return nil
}

func TestAFunctionWithoutTimersHasNoneInItsState(t *testing.T) {
	fn := &mute{}
	env := place("mute")
	op, err := NewProcess[string, event, string](env, &stage[string]{}, eventKey, fn)
	must(t, err)
	must(t, op.Open())
	b := rowsOf(event{"a", 1, 1})
	hash, err := NewHasher(eventKey)
	must(t, err)
	hash(b)
	must(t, op.Batch(b))
	must(t, fn.err)
	must(t, op.Watermark(5))
	if !op.Due().IsZero() {
		t.Errorf("due at %v", op.Due())
	}
	must(t, op.Close())
	_, states, err := PlanProcess[string]("mute", func() ProcessFunc[event, string] { return &mute{} }).Describe()
	if err != nil || len(states) != 0 {
		t.Errorf("%+v, %v", states, err)
	}
}
