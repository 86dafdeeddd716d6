package operator

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// newUrgentRig has diaries whose barriers may be urgent.
func newUrgentRig(t *testing.T, place func(*Env), before ...event) (*shelfRig, *channel.Urgency) {
	t.Helper()
	var u channel.Urgency
	return newShelfRig(t, func(env *Env) { place(env); env.Urgency = &u }, before...), &u
}

// snapshot takes one, which must not wait, and returns what it leaves.
func (r *shelfRig) snapshot() string {
	r.t.Helper()
	s, err := r.op().Snapshot(1)
	must(r.t, err)
	s.State.Failed()
	return wordsOf(s.InFlight)
}

// wordsOf renders what has been left.
func wordsOf(lines []channel.Line) string {
	if len(lines) == 0 {
		return ""
	}
	var all []string
	for _, m := range lines[0].Messages {
		switch {
		case m.Batch != nil:
			for _, e := range m.Batch.(*flow.Batch[event]).Rows {
				all = append(all, fmt.Sprint(e.Key, e.N))
			}
		case m.Status != channel.Unchanged:
			all = append(all, map[channel.Status]string{channel.Idle: "idle", channel.Active: "active"}[m.Status])
		default:
			all = append(all, fmt.Sprint("w", m.Watermark))
		}
	}
	return strings.Join(all, " ")
}

// goesOn does what the task does behind a barrier.
func (r *shelfRig) goesOn(u *channel.Urgency) {
	r.t.Helper()
	u.Over()
	must(r.t, r.op().Resume())
}

func (r *shelfRig) leaves(want string) {
	r.t.Helper()
	if got := r.snapshot(); got != want {
		r.t.Errorf("left %q, want %q", got, want)
	}
}

func TestAnUrgentBarrierDoesNotWaitForRowsThatHaveNotBegun(t *testing.T) {
	r, u := newUrgentRig(t, strict, event{"a", 0, 1}, event{"b", 0, 1})
	r.rows(nil, event{"a", 0, 5}, event{"b", 0, 3}, event{"a", 0, 7})
	r.rig.watermark(9)
	r.rows(nil, event{"c", 0, 1})
	must(t, r.op().Idle(true))
	u.By(time.Now())
	r.leaves("a5 b3 a7 w9 c1 idle")
	r.wants("")
	r.goesOn(u)
	r.all()
	r.wants("a5=2, b3=2, a7=3, timer a=3, w9, c1=1, idle true") // they go on behind it
}

func TestAnUrgentBarrierWaitsForARowInTheMiddleOfItsFunction(t *testing.T) {
	r, u := newUrgentRig(t, strict, event{"a", 0, 2})
	r.rows(nil, event{"a", 0, 2}, event{"a", 0, 3})
	r.passes()
	r.wants("a2 asks")
	u.By(time.Now())
	got := make(chan string, 1)
	go func() { got <- r.snapshotOn() }()
	r.pass <- struct{}{}
	if left := <-got; left != "a3" {
		t.Errorf("left %q", left)
	}
	r.wants("a2 hears 1 true, a2=2")
	r.goesOn(u)
	r.all()
	r.wants("a3=3")
}

// snapshotOn is snapshot on another goroutine, which is the task's from now on.
func (r *shelfRig) snapshotOn() string {
	r.op().home = here()
	return r.snapshot()
}

// hastening is a diary that makes a barrier urgent by a row.
type hastening struct {
	diary
	urgency *channel.Urgency
}

func (h *hastening) Process(ctx *flow.Context, in *event, out flow.Collector[string]) error {
	err := h.diary.Process(ctx, in, out)
	if in.N == 2 {
		h.urgency.By(time.Now())
	}
	return err
}

func TestABarrierThatBecomesUrgentWhileARowRunsLeavesTheNext(t *testing.T) {
	var u channel.Urgency
	fn := func() ProcessFunc[event, string] { return &hastening{urgency: &u} }
	r := newShelfRigOf(t, fn, func(env *Env) { strict(env); env.Urgency = &u }, event{"a", 0, 1})
	r.rows(nil, event{"a", 0, 2}, event{"a", 0, 3})
	r.passes()
	got := make(chan string, 1)
	go func() { got <- r.snapshotOn() }()
	r.pass <- struct{}{}
	if left := <-got; left != "a3" {
		t.Errorf("left %q", left)
	}
}

func TestABarrierThatBecomesUrgentStopsWaiting(t *testing.T) {
	r, u := newUrgentRig(t, strict, event{"a", 0, 1})
	r.rows(nil, event{"a", 0, 3})
	got := make(chan string, 1)
	go func() { got <- r.snapshotOn() }()
	u.By(time.Now().Add(time.Millisecond))
	if left := <-got; left != "a3" {
		t.Errorf("left %q", left)
	}
	r.goesOn(u)
	r.all()
}

// slowpoke makes a barrier urgent at its sixth row.
type slowpoke struct {
	diary
	urgency *channel.Urgency
	rows    int
}

func (s *slowpoke) Process(ctx *flow.Context, e *event, out flow.Collector[string]) error {
	if s.rows++; s.rows == 6 {
		s.urgency.By(time.Now())
	}
	out.Emit(fmt.Sprint(e.Key, e.N))
	return s.count.Set(ctx, e.N)
}

func TestAnUrgentBarrierInterruptsABatch(t *testing.T) {
	var u channel.Urgency
	fn := func() ProcessFunc[event, string] { return &slowpoke{urgency: &u} }
	r := newShelfRigOf(t, fn, func(env *Env) { env.Urgency = &u })
	r.gate.open()
	r.rows(nil, event{"a", 0, 1}, event{"b", 0, 1}, event{"c", 0, 1})
	r.settle() // their state is in memory
	r.out.seen = nil
	r.rows(nil, event{"a", 0, 1}, event{"b", 0, 2}, event{"a", 0, 3}, event{"b", 0, 4}, event{"c", 0, 5})
	r.wants("a1, b2, a3")
	if !r.op().Full() || !r.op().Waits() {
		t.Error("it takes more before it has gone through the batch")
	}
	r.leaves("b4 c5")
	r.goesOn(&u)
	r.wants("b4, c5")
}

func TestTimersOfAWatermarkThatHaveNotBeenPoppedComeWithItAgain(t *testing.T) {
	r, u := newUrgentRig(t, strict)
	r.gate.open()
	for n := range 3 * dueAtOnce {
		r.rows(nil, event{fmt.Sprint("x", n), 0, 5})
	}
	r.settle()
	r.out.seen = nil
	u.By(time.Now())
	r.rig.watermark(9) // it is urgent already: it pops some timers at most
	r.leaves("w9")
	if fired := len(r.out.seen); fired > dueAtOnce {
		t.Errorf("%d timers have fired", fired)
	}
	r.goesOn(u)
	r.settle()
	if fired := len(r.out.seen); fired != 3*dueAtOnce+1 {
		t.Errorf("%d timers and watermarks in the end", fired)
	}
}

func firstAccess(env *Env) { env.FirstAccess = true }

func TestWhereRowsBeginBeforeTheirTurnAnUrgentBarrierLeavesThoseBehindAWatermark(t *testing.T) {
	r, u := newUrgentRig(t, firstAccess, event{"a", 0, 1})
	r.rows(nil, event{"a", 0, 3})
	r.rig.watermark(9)
	r.rows(nil, event{"a", 0, 7})
	u.By(time.Now())
	r.gate.open()
	r.leaves("w9 a7")
	r.wants("a3=2")
	r.goesOn(u)
	r.settle()
	r.wants("w9, a7=3")
}

// lagging are tables whose reads of the key lags wait at a gate of their own.
type lagging struct {
	keyed.Below
	*gate
}

func (l lagging) Read(ctx context.Context, keys [][]byte, found func(int, []byte) error) error {
	if bytes.Contains(keys[0], []byte("lags")) {
		if err := l.enter(ctx); err != nil {
			return err
		}
	}
	return l.Below.Read(ctx, keys, found)
}

// A row that has begun may wait at its first access for one that was not allowed to begin when it came.
func TestWhereRowsBeginBeforeTheirTurnAnUrgentBarrierWaitsForThoseWhoseTurnHasCome(t *testing.T) {
	own := &gate{}
	lags := func(env *Env) { firstAccess(env); env.Below = lagging{env.Below, own} }
	r, u := newUrgentRig(t, lags, event{"lags", 0, 1}, event{"b", 0, 1})
	own.shut()
	r.rows(nil, event{"b", 0, 3})
	r.rig.watermark(9)
	r.rows(nil, event{"lags", 0, 3})
	r.rows(nil, event{"lags", 0, 7})
	r.passes() // which lets the watermark leave: the others have their turn and wait for their state
	r.rows(nil, event{"lags", 0, 13})
	r.wants("b3=2, w9")
	u.By(time.Now())
	own.open()
	r.gate.open()
	r.leaves("")
	r.wants("lags3=2, lags7=3, lags13=4")
}

func TestWhereRowsBeginBeforeTheirTurnAnUrgentBarrierInterruptsABatch(t *testing.T) {
	var u channel.Urgency
	fn := func() ProcessFunc[event, string] { return &slowpoke{urgency: &u} }
	r := newShelfRigOf(t, fn, func(env *Env) { firstAccess(env); env.Urgency = &u })
	r.gate.open()
	r.rows(nil, event{"a", 0, 1}, event{"b", 0, 2}, event{"c", 0, 3}, event{"a", 0, 4}, event{"b", 0, 5}, event{"c", 0, 6},
		event{"a", 0, 7})
	r.leaves("a7")
	r.goesOn(&u)
	r.settle()
	r.wants("a1, b2, c3, a4, b5, c6, a7")
}
