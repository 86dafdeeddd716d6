package operator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/window"
)

// The stories of this file run one history twice: with no room in memory, and with all the room in the world.

// shower is a rig that tells what has come out of it.
type shower interface{ show() string }

// drawEvents draws events of many keys, some of which come often, and some of which are behind event time.
func drawEvents(rng *rand.Rand, now, behind int64) (events []event) {
	for range 1 + rng.IntN(300) {
		key := rng.IntN(2000)
		if rng.IntN(3) == 0 {
			key = rng.IntN(20)
		}
		at := now + rng.Int64N(60) - rng.Int64N(behind+1)
		events = append(events, event{fmt.Sprint("k", key), at, rng.Int64N(1000)})
	}
	return events
}

// history is what happens to two rigs. The first may lose and delay what it writes.
type history struct {
	t     *testing.T
	rng   *rand.Rand // what happens to both
	luck  *rand.Rand // what happens to the first alone
	rigs  [2]*rig
	out   [2]shower
	now   int64
	moves []int // the parallelisms to come
}

func (h *history) step(behind int64) {
	h.t.Helper()
	events := drawEvents(h.rng, h.now, behind)
	h.rigs[0].rows(h.luck, events...)
	h.rigs[1].rows(nil, events...)
	h.now += h.rng.Int64N(30)
	for s := range h.rigs[0].parts {
		if h.rng.IntN(3) > 0 { // not every subtask hears of every watermark at the same time
			for _, r := range h.rigs {
				must(h.t, r.parts[s].Watermark(h.now))
			}
		}
	}
	switch h.rng.IntN(8) {
	case 0:
		for _, r := range h.rigs {
			r.rescale(h.moves[0])
		}
		h.moves = append(h.moves[1:], h.moves[0])
	case 1, 2, 3:
		for _, r := range h.rigs {
			r.checkpoint()
		}
	}
}

// same runs a history to the end of event time and says where the rigs differ first.
func (h *history) same(steps int, behind int64) string {
	h.t.Helper()
	for i := range steps {
		h.step(behind)
		if h.luck.IntN(3) > 0 { // or else rows stay in flight
			continue
		}
		h.rigs[0].settle()
		h.rigs[1].settle()
		if got, want := h.out[0].show(), h.out[1].show(); got != want {
			return fmt.Sprintf("step %d: %s", i, difference(got, want))
		}
	}
	for _, r := range h.rigs {
		r.watermark(flow.EndOfTime)
		r.settle()
	}
	if got, want := h.out[0].show(), h.out[1].show(); got != want {
		return fmt.Sprintf("at the end: %s", difference(got, want))
	}
	return ""
}

// compare runs histories of pairs of rigs, which make returns.
func compare(
	t *testing.T, rounds uint64, pair func(t *testing.T, rng *rand.Rand) (rigs [2]*rig, out [2]shower, behind int64),
) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d on", seed)
	found, told := int64(0), 0
	for i := range rounds {
		t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) {
			h := &history{
				t: t, rng: rand.New(rand.NewPCG(seed+i, 0)), luck: rand.New(rand.NewPCG(seed+i, 1)), moves: []int{3, 2, 1},
			}
			rigs, out, behind := pair(t, h.rng)
			h.rigs, h.out = rigs, out
			if wrong := h.same(20, behind); wrong != "" {
				t.Fatal(wrong)
			}
			found, told = found+rigs[0].found.Load(), told+rigs[0].told
		})
	}
	if found == 0 || told == 0 {
		t.Errorf("%d values were read from below, %d snapshots taken early: nothing was short", found, told)
	}
}

func TestProcessWithoutRoomGivesTheSameResults(t *testing.T) {
	compare(t, 3, func(t *testing.T, _ *rand.Rand) ([2]*rig, [2]shower, int64) {
		short, all := newProcessRig(t, tight, 3), newProcessRig(t, roomy, 3)
		return [2]*rig{short.rig, all.rig}, [2]shower{short, all}, 0
	})
}

// windowPair are rigs of windows. The first is strict or relaxed at random, which changes nothing.
func windowPair(t *testing.T, rng *rand.Rand, w window.Window) ([2]*rig, [2]shower, int64) {
	relaxed := func(env *Env) { env.Relaxed = rng.IntN(2) == 0 }
	short, all := newWindowRigIn(t, w, tight, 3, relaxed), newWindowRig(t, w, roomy, 3)
	return [2]*rig{short.rig, all.rig}, [2]shower{short, all}, 80
}

func TestTumblingWindowsWithoutRoomGiveTheSameResults(t *testing.T) {
	compare(t, 3, func(t *testing.T, rng *rand.Rand) ([2]*rig, [2]shower, int64) {
		return windowPair(t, rand.New(rand.NewPCG(rng.Uint64(), 0)), window.Tumbling(ms(5+rng.Int64N(60))).AllowedLateness(ms(rng.Int64N(2)*40)))
	})
}

func TestSlidingWindowsWithoutRoomGiveTheSameResults(t *testing.T) {
	compare(t, 3, func(t *testing.T, rng *rand.Rand) ([2]*rig, [2]shower, int64) {
		slide := 10 + rng.Int64N(30)
		w := window.Sliding(ms(slide+rng.Int64N(2*slide)), ms(slide))
		return windowPair(t, rand.New(rand.NewPCG(rng.Uint64(), 0)), w.AllowedLateness(ms(rng.Int64N(2)*40)))
	})
}

func TestSessionWindowsWithoutRoomGiveTheSameResults(t *testing.T) {
	compare(t, 3, func(t *testing.T, rng *rand.Rand) ([2]*rig, [2]shower, int64) {
		return windowPair(t, rand.New(rand.NewPCG(rng.Uint64(), 0)), window.Session(ms(1+rng.Int64N(40))).AllowedLateness(ms(rng.Int64N(2)*40)))
	})
}

// evicted fills a window with keys beside a and lets all of it go from memory.
func (r *windowRig) evicted() {
	r.t.Helper()
	for i := range 4 { // of other windows, whose panes want the room
		var events []event
		for n := range 600 {
			events = append(events, event{fmt.Sprint("other-", n), int64(10_000 * (i + 1)), 1})
		}
		r.rows(events...)
		if r.checkpoint() == nil {
			r.t.Fatal("no checkpoint")
		}
	}
}

func TestALateRowFindsThePaneThatWasEvicted(t *testing.T) {
	r := newWindowRig(t, window.Tumbling(ms(10)).AllowedLateness(ms(50)), tight, 1)
	r.rows(event{"a", 1, 1}, event{"b", 2, 2})
	r.watermark(10)
	r.expect("a[0,10)=1 b[0,10)=2")
	r.evicted()
	before := r.found.Load()
	r.rows(event{"a", 3, 10}, event{"c", 4, 4})
	r.expect("a[0,10)=11 c[0,10)=4")
	if r.found.Load() == before {
		t.Error("nothing was read: the pane was in memory all the time")
	}
	r.evicted()
	r.rows(event{"b", 5, 20}, event{"a", 6, 100})
	r.expect("a[0,10)=111 b[0,10)=22")
	r.watermark(60)
	r.rows(event{"a", 7, 1000})
	r.expect("late a@7")
}

func TestAWindowWhosePaneWasEvictedFiresWithAllItsKeysOnce(t *testing.T) {
	r := newWindowRig(t, window.Sliding(ms(10), ms(5)), tight, 1)
	r.rows(event{"a", 1, 1}, event{"b", 6, 2}, event{"a", 7, 4})
	r.evicted()
	r.rows(event{"c", 8, 8}, event{"b", 2, 16}) // some come back, a does not
	r.watermark(10)
	r.expect("a[-5,5)=1 a[0,10)=5 b[-5,5)=16 b[0,10)=18 c[0,10)=8")
	r.rescale(1)
	r.watermark(100)
	r.expect("a[5,15)=4 b[5,15)=2 c[5,15)=8")
}

// A pane that was dropped before its end was written below must not show through in one of the same slice.
func TestASliceThatIsOverIsGoneFromBelowToo(t *testing.T) {
	r := newWindowRig(t, window.Tumbling(ms(10)), tight, 1)
	r.rows(event{"a", 1, 1})
	r.rescale(1)
	r.watermark(10)
	r.expect("a[0,10)=1")
	op := r.checkpoint()
	for _, s := range op.Subtasks {
		if len(s.Namespaces) > 0 {
			t.Errorf("the checkpoint knows of slices %v", s.Namespaces)
		}
	}
	n := 0
	must(t, r.parts[0].Scan(t.Context(), r.parts[0].keys.Start, nil, func(_, _ []byte) error { n++; return nil }))
	if n != 0 {
		t.Errorf("%d entries are left below", n)
	}
}
