package operator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/window"
)

// newUrgentWindows has windows whose barriers may be urgent.
func newUrgentWindows(t *testing.T, w window.Window, place func(*Env)) (*flightRig, *channel.Urgency) {
	t.Helper()
	var u channel.Urgency
	return newFlightRig(t, w, func(env *Env) { place(env); env.Urgency = &u }), &u
}

// leaves takes a snapshot.
func (r *flightRig) leaves(want string) {
	r.t.Helper()
	s, err := r.op().(Operator).Snapshot(1)
	must(r.t, err)
	s.State.Failed()
	if got := wordsOf(s.InFlight); got != want {
		r.t.Errorf("left %q, want %q", got, want)
	}
}

// hasShown checks what has come out so far.
func (r *flightRig) hasShown(want string) {
	r.t.Helper()
	if got := r.show(); got != want {
		r.t.Errorf("got %q, want %q", got, want)
	}
}

// goesOn does what the task does behind a barrier.
func (r *flightRig) goesOn(u *channel.Urgency) {
	r.t.Helper()
	u.Over()
	must(r.t, r.op().Resume())
}

func TestAnUrgentBarrierLeavesTheRowsOfWindowsWithTheWatermarksBetween(t *testing.T) {
	for name, w := range map[string]window.Window{"tumbling": window.Tumbling(ms(10)), "session": window.Session(ms(9))} {
		t.Run(name, func(t *testing.T) {
			r, u := newUrgentWindows(t, w, strict)
			r.rows(event{"a", 0, 1}, event{"b", 0, 2})
			r.restored()
			r.rows(event{"a", 0, 10}, event{"b", 0, 20})
			r.watermark(12)
			r.rows(event{"a", 15, 30})
			must(t, r.parts[0].Idle(true))
			u.By(time.Now())
			r.open() // what is read meanwhile is not added to anything
			r.leaves("a10 b20 w12 a30 idle")
			r.goesOn(u)
			r.watermark(30)
			r.expect(map[string]string{
				"tumbling": "a[0,10)=11 a[10,20)=30 b[0,10)=22", "session": "a[0,9)=11 a[15,24)=30 b[0,9)=22",
			}[name]) // they go on behind it
		})
	}
}

func TestABarrierThatBecomesUrgentLeavesTheRowsOfWindows(t *testing.T) {
	r, u := newUrgentWindows(t, window.Tumbling(ms(10)), strict)
	r.rows(event{"a", 0, 1})
	r.restored()
	r.rows(event{"a", 0, 10})
	u.By(time.Now().Add(time.Millisecond))
	r.leaves("a10")
	r.open()
	r.goesOn(u)
	r.settle()
}

// What a watermark fires is for its event time, and so is what it lets be late.
func TestAnUrgentBarrierWaitsForAWatermarkThatHasBegunToFire(t *testing.T) {
	r, u := newUrgentWindows(t, window.Session(ms(10)), strict)
	r.rows(event{"a", 1, 1}, event{"b", 2, 2})
	r.restored()
	r.scans = true
	r.watermark(20) // reads timers
	r.watermark(30)
	r.rows(event{"a", 50, 10})
	u.By(time.Now())
	r.open()
	r.leaves("w30 a10")
	r.hasShown("a[1,11)=1 b[2,12)=2")
	r.goesOn(u)
	r.watermark(flow.EndOfTime)
	r.expect("a[50,60)=10")
}

// After a restore the watermark may be another one, for which the row would not be late.
func TestAnUrgentBarrierWaitsForWatermarksThatRowsAreBehind(t *testing.T) {
	r, u := newUrgentWindows(t, window.Tumbling(ms(10)).AllowedLateness(ms(50)), strict)
	r.rows(event{"cold", 1, 1}, event{"hot", 2, 1})
	r.restored(event{"hot", 2, 1})
	r.rows(event{"cold", 3, 10})
	r.watermark(10)
	r.rows(event{"hot", 4, 100})
	r.watermark(20)
	u.By(time.Now())
	r.open()
	r.leaves("hot100 w20")
	r.hasShown("cold[0,10)=11 hot[0,10)=2")
	r.goesOn(u)
	r.expect("hot[0,10)=102")
}

func TestAnUrgentBarrierWaitsForARowThatReadsTheOtherSessionsOfItsKey(t *testing.T) {
	r, u := newUrgentWindows(t, window.Session(ms(10)), strict)
	r.rows(event{"a", 1, 1}, event{"a", 20, 2})
	r.restored(event{"a", 1, 4}) // brings one of its sessions, and not the other
	r.scans = true
	r.rescale(1)
	r.shut()
	r.rows(event{"a", 10, 8})
	r.pass <- struct{}{} // the one in the column
	<-r.op().Wake()
	must(t, r.op().Resume())
	r.rows(event{"a", 9, 16})
	u.By(time.Now())
	r.open()
	r.leaves("a16")
	r.goesOn(u)
	r.watermark(100)
	r.expect("a[1,30)=31")
}

// keysApart are two keys that different ones of two subtasks have.
func keysApart(r *windowRig) (first, second string) {
	of := map[int]string{}
	for i := 0; len(of) < 2; i++ {
		key := fmt.Sprint("k", i)
		of[partOf(r, key, 2)] = key
	}
	return of[0], of[1]
}

// partOf is which of some parts has a key.
func partOf(r *windowRig, key string, parts int) int {
	one := &flow.Batch[event]{}
	one.Append(event{key, 0, 0}, 0)
	r.hash(one)
	return base.SubtaskOf(base.KeyGroupOf(one.Hashes[0], rigGroups), parts, rigGroups)
}

func TestRowsAreLateForWhatTheirKeyGroupHadComeToBeforeSubtasksCameTogether(t *testing.T) {
	for name, c := range map[string]struct {
		w              window.Window
		at, afterwards string
	}{
		"slices": {
			window.Sliding(ms(20), ms(10)), "A[60,80)=9 B[30,50)=16 late A@40", "B[40,60)=16 B[50,70)=5 B[60,80)=5",
		},
		"sessions": {window.Session(ms(10)), "A[60,73)=9 late A@40", "B[45,55)=16 B[63,73)=5"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newWindowRig(t, c.w.AllowedLateness(ms(30)), roomy, rigGroups)
			r.rescale(2)
			a, b := keysApart(r)
			named := strings.NewReplacer(a, "A", b, "B")
			r.rows(event{a, 60, 1})
			must(t, r.parts[0].Watermark(100))
			must(t, r.parts[1].Watermark(50))
			r.settle()
			r.show()
			r.rescale(1)
			r.rows(event{a, 63, 8}, event{b, 45, 16}, event{a, 40, 2}, event{b, 63, 4}, event{b, 63, 1})
			r.settle()
			if got := difference(named.Replace(r.show()), c.at); got != "" {
				t.Error(got)
			}
			r.rescale(1) // which must keep what each had come to
			r.watermark(flow.EndOfTime)
			r.settle()
			if got := difference(named.Replace(r.show()), c.afterwards); got != "" {
				t.Error("in the end: ", got)
			}
		})
	}
}

// twins are windows whose barriers leave rows in flight and others that wait for them.
type twins struct {
	t     *testing.T
	rng   *rand.Rand
	leave *flightRig
	wait  *windowRig
	left  int // rows and watermarks, altogether
}

// rescale takes checkpoints of both and goes on at another parallelism.
func (h *twins) rescale(parallelism int) {
	h.t.Helper()
	come := h.eventTimes()
	for _, p := range h.leave.parts {
		p.env.Urgency.By(time.Now())
	}
	h.leave.open() // what comes now is not added, if it need not be
	op := h.leave.checkpoint()
	for op == nil {
		op = h.leave.checkpoint()
	}
	queued := h.queued(come)
	var flights [][][]channel.Line
	for i, p := range h.leave.parts {
		gate := channel.Line{Channel: -1, Subtask: i, Watermark: come[i]}
		gate.Messages = append(queued[i], control(h.last(come)))
		lines := [][]channel.Line{{gate}}
		if len(p.left) > 0 {
			lines = [][]channel.Line{p.left, {gate}}
			h.left += len(p.left[0].Messages)
		}
		flights = append(flights, lines)
	}
	h.leave.close()
	h.leave.rig.open(parallelism, op)
	h.leave.shut()
	for _, p := range h.leave.parts {
		h.restore(p, flights)
	}
	h.wait.rescale(parallelism)
	h.wait.watermark(h.last(come))
}

// queued are rows in front of the parts when the barrier overtakes. None is behind what its part has come to.
func (h *twins) queued(come []int64) [][]channel.Message {
	h.t.Helper()
	all := make([][]channel.Message, len(come))
	for range h.rng.IntN(8) {
		e, b := event{Key: fmt.Sprint("k", h.rng.IntN(9)), N: h.rng.Int64N(100)}, &flow.Batch[event]{}
		i := partOf(h.wait, e.Key, len(come))
		e.Time = max(come[i], 0) + h.rng.Int64N(20)
		b.Append(e, e.Time)
		m := channel.Control()
		m.Batch = b
		all[i] = append(all[i], m)
		h.wait.rows(e)
	}
	return all
}

// eventTimes are the watermarks that have come to the parts.
func (h *twins) eventTimes() (all []int64) {
	for _, p := range h.leave.parts {
		switch op := p.Operator.(type) {
		case *SliceWindows[string, event, int64, int64]:
			all = append(all, op.arrived)
		case *SessionWindows[string, event, int64, int64]:
			all = append(all, op.arrived)
		}
	}
	return all
}

// last is what all of them come to before there are more rows: all have been sent the same.
func (h *twins) last(come []int64) int64 {
	last := flow.NoTime
	for _, t := range come {
		last = max(last, t)
	}
	return last
}

func control(watermark int64) channel.Message {
	m := channel.Control()
	m.Watermark = watermark
	return m
}

// restore gives a part what is for it of what was left.
func (h *twins) restore(p *rigPart, flights [][][]channel.Line) {
	h.t.Helper()
	var mine [][][]channel.Line
	for _, generations := range flights {
		var kept [][]channel.Line
		for _, lines := range generations {
			var some []channel.Line
			for _, l := range lines {
				some = append(some, h.routed(p, l))
			}
			kept = append(kept, some)
		}
		mine = append(mine, kept)
	}
	g := channel.NewGate(nil, 1, channel.Rows{})
	g.Restore(channel.Together(mine...))
	for e, ok := g.TryNext(); ok; e, ok = g.TryNext() {
		if e.Batch != nil {
			must(h.t, p.Batch(e.Batch.(*flow.Batch[event])))
		} else if e.Status == channel.Unchanged {
			must(h.t, p.Watermark(e.Watermark))
		}
	}
}

// routed leaves the rows of a line whose keys are a part's.
func (h *twins) routed(p *rigPart, l channel.Line) channel.Line {
	all := l.Messages
	l.Messages = nil
	for _, m := range all {
		if m.Batch != nil {
			from, b := m.Batch.(*flow.Batch[event]), &flow.Batch[event]{}
			h.leave.hash(from)
			for i, hash := range from.Hashes {
				if p.env.Groups.Contains(base.KeyGroupOf(hash, rigGroups)) {
					b.Append(from.Rows[i], from.Times[i])
					b.Hashes = append(b.Hashes, hash)
				}
			}
			m.Batch = b
		}
		l.Messages = append(l.Messages, m)
	}
	return l
}

// step sends rows, some of them behind event time, and watermarks, of which not every part hears.
func (h *twins) step(now int64) {
	h.t.Helper()
	var some []event
	for range h.rng.IntN(12) {
		some = append(some, event{fmt.Sprint("k", h.rng.IntN(9)), now - 30 + h.rng.Int64N(60), h.rng.Int64N(100)})
	}
	h.leave.rows(some...)
	h.wait.rows(some...)
	for i := range h.wait.parts {
		if h.rng.IntN(3) > 0 {
			must(h.t, h.leave.parts[i].Watermark(now))
			must(h.t, h.wait.parts[i].Watermark(now))
		}
	}
}

func newTwins(t *testing.T, seed uint64) *twins {
	rng := rand.New(rand.NewPCG(seed, 0))
	slide := rng.Int64N(20) + 1
	w := []window.Window{
		window.Tumbling(ms(slide)), window.Sliding(ms(3*slide), ms(slide)), window.Session(ms(slide)),
	}[rng.IntN(3)].AllowedLateness(ms(rng.Int64N(2) * rng.Int64N(40)))
	h := &twins{t: t, rng: rng, leave: &flightRig{gate: &gate{}}}
	isRelaxed := rng.IntN(3) == 0
	h.leave.windowRig = newWindowRigIn(t, w, roomy, rigGroups, func(env *Env) {
		env.Below, env.Urgency, env.Relaxed = gated{env.Below, h.leave.gate}, &channel.Urgency{}, isRelaxed
	})
	h.wait = newWindowRig(t, w, roomy, rigGroups)
	return h
}

// Rows and watermarks that are left come out as they would have without a barrier, whatever the parallelism is that
// they are gone on with: what is late as well, and what fires again.
func TestWhatWindowsLeaveInFlightHasTheResultsThatItWouldHaveHad(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d on", seed)
	left := 0
	for i := range uint64(60) {
		h := newTwins(t, seed+i)
		h.leave.shut()
		now := int64(0)
		for range 2 + h.rng.IntN(3) {
			for range 1 + h.rng.IntN(6) {
				now += h.rng.Int64N(20)
				h.step(now)
			}
			h.rescale(1 + h.rng.IntN(4))
		}
		h.leave.open()
		h.leave.settle()
		h.leave.watermark(flow.EndOfTime)
		h.leave.settle()
		h.wait.watermark(flow.EndOfTime)
		h.wait.settle()
		if got, want := h.leave.show(), h.wait.show(); got != want {
			t.Fatalf("seed %d: %s", seed+i, difference(got, want))
		}
		left += h.left
		h.leave.close()
		h.wait.close()
	}
	if left < 200 {
		t.Errorf("only %d rows and watermarks were left", left)
	}
}
