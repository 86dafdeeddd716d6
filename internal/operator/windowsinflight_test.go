package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/window"
)

// gated are tables whose reads wait at a gate.
type gated struct {
	keyed.Below
	*gate
}

// gate lets a read pass for each token, or all when it is open. Scans pass always, unless they are to wait, too.
type gate struct {
	pass  chan struct{} // nil for open
	scans bool
	fail  error
}

func (g gated) Read(ctx context.Context, keys [][]byte, found func(int, []byte) error) error {
	if err := g.enter(ctx); err != nil {
		return err
	}
	return g.Below.Read(ctx, keys, found)
}

func (g gated) Scan(ctx context.Context, start, end []byte, visit func(k, v []byte) error) error {
	if g.scans {
		if err := g.enter(ctx); err != nil {
			return err
		}
	}
	return g.Below.Scan(ctx, start, end, visit)
}

func (g *gate) enter(ctx context.Context) error {
	if g.pass == nil {
		return nil
	}
	select {
	case <-g.pass:
		return g.fail
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) shut() { g.pass = make(chan struct{}) }
func (g *gate) open() { close(g.pass) }

// flights is a rig of windows whose tables have a gate.
type flightRig struct {
	*windowRig
	*gate
}

func newFlightRig(t *testing.T, w window.Window, place func(*Env)) *flightRig {
	t.Helper()
	r := &flightRig{gate: &gate{}}
	r.windowRig = newWindowRigIn(t, w, roomy, 1, func(env *Env) {
		env.Below = gated{env.Below, r.gate}
		place(env)
	})
	return r
}

func strict(*Env)      {}
func relaxed(env *Env) { env.Relaxed = true }

// restored goes on from a checkpoint. Rows of the hot key have been added since, and so it is in memory.
func (r *flightRig) restored(hot ...event) {
	r.t.Helper()
	r.rescale(1)
	r.rows(hot...)
	r.settle()
	r.shut()
	forget(r.op())
}

// forget takes back the word that something may be there to resume: of what has been resumed already, perhaps.
func forget(f Flying) {
	select {
	case <-f.Wake():
	default:
	}
}

func (r *flightRig) op() Flying { return r.parts[0].Operator.(Flying) }

// inFlight is how many rows are.
func (r *flightRig) inFlight() int {
	switch op := r.parts[0].Operator.(type) {
	case *SliceWindows[string, event, int64, int64]:
		return op.flight.InFlight()
	case *SessionWindows[string, event, int64, int64]:
		return op.flight.InFlight()
	}
	return -1
}

func (r *flightRig) wantInFlight(want int) {
	r.t.Helper()
	if got := r.inFlight(); got != want || r.op().Waits() != (want > 0) {
		r.t.Fatalf("%d rows are in flight, want %d; waits: %v", got, want, r.op().Waits())
	}
}

// sequence renders what has come out, as show does, in its order.
func (r *flightRig) sequence() string {
	var all []string
	for _, w := range r.out.rows {
		all = append(all, fmt.Sprintf("%s[%d,%d)=%d", w.Key, w.Start, w.End, w.Value))
	}
	r.out.rows = nil
	return strings.Join(all, " ")
}

func (r *flightRig) wantSequence(want string) {
	r.t.Helper()
	if got := r.sequence(); got != want {
		r.t.Fatalf("got %q, want %q", got, want)
	}
}

// refiring is a rig at time 10, whose window [0,10) has fired for cold=1 and hot=2 and is kept; cold is below.
func refiring(t *testing.T, place func(*Env)) *flightRig {
	r := newFlightRig(t, window.Tumbling(ms(10)).AllowedLateness(ms(50)), place)
	r.rows(event{"cold", 1, 1}, event{"hot", 2, 1})
	r.watermark(10)
	r.show()
	r.restored(event{"hot", 2, 1})
	r.show()
	return r
}

func TestARowWhoseAccumulatorIsBelowHoldsUpNoOther(t *testing.T) {
	r := refiring(t, strict)
	r.rows(event{"cold", 3, 10}, event{"hot", 4, 10})
	r.wantSequence("hot[0,10)=12")
	r.wantInFlight(1)
	r.open()
	r.settle()
	r.wantSequence("cold[0,10)=11")
	r.wantInFlight(0)
}

func TestRowsOfAKeyAreAddedInTheirOrderHoweverLongReadsTake(t *testing.T) {
	r := refiring(t, strict)
	r.rows(event{"cold", 3, 10}, event{"cold", 4, 100})
	r.rows(event{"cold", 3, 1000})
	r.wantInFlight(3)
	r.open()
	r.settle()
	r.wantSequence("cold[0,10)=11 cold[0,10)=111 cold[0,10)=1111")
}

func TestAWindowThatFiresAgainWaitsForItsOtherSlices(t *testing.T) {
	r := newFlightRig(t, window.Sliding(ms(10), ms(5)).AllowedLateness(ms(50)), strict)
	r.rows(event{"a", 1, 1}, event{"a", 6, 2})
	r.watermark(10)
	r.show()
	r.restored(event{"a", 1, 4}) // which leaves nothing of a below
	r.wantSequence("a[-5,5)=5 a[0,10)=7")
	r.rows(event{"b", 6, 1})
	r.wantInFlight(1)
	r.open()
	r.settle()
	r.wantSequence("b[0,10)=1")
}

// Strict or not, what is late is so for the watermark that came before it.
func TestARowBehindAWatermarkThatHasNotLeftIsLate(t *testing.T) {
	for name, mode := range map[string]func(*Env){"strict": strict, "relaxed": relaxed} {
		t.Run(name, func(t *testing.T) {
			r := newFlightRig(t, window.Tumbling(ms(10)), mode)
			r.rows(event{"cold", 1, 1}, event{"hot", 2, 1})
			r.restored(event{"hot", 2, 1})
			r.rows(event{"cold", 3, 10})
			r.watermark(10)
			r.rows(event{"hot", 4, 100})
			if len(r.out.watermarks) > 1 || len(r.late.rows) != 1 {
				t.Errorf("watermarks %v, late %v", r.out.watermarks, r.late.rows)
			}
			r.open()
			r.expect("cold[0,10)=11 hot[0,10)=2 late hot@4")
		})
	}
}

func TestARowThatFiresAgainWaitsForTheWatermarkThatFires(t *testing.T) {
	for name, mode := range map[string]func(*Env){"strict": strict, "relaxed": relaxed} {
		t.Run(name, func(t *testing.T) {
			r := newFlightRig(t, window.Tumbling(ms(10)).AllowedLateness(ms(50)), mode)
			r.rows(event{"cold", 1, 1}, event{"hot", 2, 1})
			r.restored(event{"hot", 2, 1})
			r.rows(event{"cold", 3, 10})
			r.watermark(10)
			r.rows(event{"hot", 4, 100})
			r.wantSequence("")
			r.open()
			r.expect("cold[0,10)=11 hot[0,10)=102 hot[0,10)=2")
		})
	}
}

func TestARowThatIsNotLateWaitsForAWatermarkOnlyWhereOrderIsStrict(t *testing.T) {
	for name, c := range map[string]struct {
		mode func(*Env)
		want int
	}{"strict": {strict, 2}, "relaxed": {relaxed, 1}} {
		t.Run(name, func(t *testing.T) {
			r := newFlightRig(t, window.Tumbling(ms(10)), c.mode)
			r.rows(event{"cold", 1, 1}, event{"hot", 11, 1})
			r.restored(event{"hot", 11, 1})
			r.rows(event{"cold", 3, 10})
			r.watermark(10)
			r.rows(event{"hot", 12, 10})
			r.wantInFlight(c.want)
			r.open()
			r.watermark(20)
			r.expect("cold[0,10)=11 hot[10,20)=12")
		})
	}
}

func TestNoBatchIsTakenWhenAsManyRowsAreInFlightAsMayBe(t *testing.T) {
	r := refiring(t, func(env *Env) { env.InFlight = 1 })
	r.rows(event{"hot", 3, 1})
	if r.op().Full() {
		t.Error("full of nothing")
	}
	r.rows(event{"cold", 3, 1})
	if !r.op().Full() {
		t.Error("there is room for more than one row")
	}
	r.open()
	r.settle()
	if r.op().Full() {
		t.Error("full of rows that have been added")
	}
}

func TestABarrierWaitsForTheRowsOfWindowsInFlight(t *testing.T) {
	for name, w := range map[string]window.Window{"tumbling": window.Tumbling(ms(10)), "session": window.Session(ms(9))} {
		t.Run(name, func(t *testing.T) {
			r := newFlightRig(t, w, strict)
			r.rows(event{"a", 1, 1})
			r.restored()
			r.rows(event{"a", 1, 10})
			r.wantInFlight(1)
			r.open()
			r.rescale(1)
			r.watermark(20)
			r.expect("a[1,10)=11"[:1] + map[string]string{"tumbling": "[0,10)=11", "session": "[1,10)=11"}[name])
		})
	}
}

func TestAReadThatFailsForRowsInFlightFailsTheWindows(t *testing.T) {
	r := refiring(t, strict)
	r.fail = errBroken
	r.rows(event{"cold", 3, 1})
	r.open()
	<-r.op().Wake()
	err := r.op().Resume()
	mustSay(t, err, `operator "w": read state: `)
	if !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

func TestWindowsWithRowsInFlightEndWithTheirContext(t *testing.T) {
	over := errors.New("over")
	ctx, cancel := context.WithCancelCause(t.Context())
	r := refiring(t, func(env *Env) { env.Context = ctx })
	r.rows(event{"cold", 3, 1})
	cancel(over)
	if _, err := r.parts[0].Snapshot(9); !errors.Is(err, over) {
		t.Errorf("%v", err)
	}
}

func TestASessionFiresThatARowBehindTheWatermarkHasAskedFor(t *testing.T) {
	r := newFlightRig(t, window.Session(ms(10)), strict)
	r.rows(event{"a", 1, 1}, event{"b", 2, 2})
	r.restored()
	r.scans = true
	r.watermark(20) // reads timers
	r.rows(event{"a", 50, 10})
	r.wantInFlight(1)
	r.open()
	r.expect("a[1,11)=1 b[2,12)=2")
	r.watermark(flow.EndOfTime)
	r.expect("a[50,60)=10")
}

func TestARowThatJoinsSessionsWaitsForThemWithoutHoldingUpOthers(t *testing.T) {
	r := newFlightRig(t, window.Session(ms(10)), strict)
	r.rows(event{"a", 1, 1}, event{"a", 20, 2}, event{"hot", 1, 1})
	r.restored(event{"a", 1, 4}) // brings one of its sessions, and not the other
	r.scans = true
	r.rescale(1)
	r.shut()
	r.rows(event{"a", 10, 8})
	r.pass <- struct{}{} // the one in the column
	<-r.op().Wake()
	must(t, r.op().Resume())
	r.wantInFlight(1)
	r.open()
	r.watermark(100)
	r.expect("a[1,30)=15 hot[1,11)=1")
}
