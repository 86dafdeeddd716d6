package async

import (
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"
)

var seeds = flag.Uint64("async.seeds", 1000, "how many random histories are run")

// controller is what a history drives: the controller, or one with a planted bug.
type controller interface {
	Admit(Key, int, bool) ID
	Arrived(ID)
	Start(Key) ID
	StartDerived(Key) ID
	Begin() ID
	Enter(ID, Key, int) bool
	Derive(Key, int) ID
	Next() (ID, bool)
	Done(ID) bool
	Busy(Key) bool
	Ready(bool) bool
	Close() EventID
	Due() (EventID, bool)
	Settle()
	Leave() (EventID, bool)
	Unstarted() iter.Seq2[ID, EventID]
	InFlight() int
	Parked() int
	Queued() int
}

// history is an operator with input and reads at random. Its controller is compared with the model at each step.
type history struct {
	c     controller
	m     *model
	rng   *rand.Rand
	limit *Limit

	input       int      // records and events to come
	keys        int      // among which they choose
	firstAccess bool     // records begin without key
	overtaking  int      // so many of four records overtake events
	reads       []*entry // whose reads are on their way, once for each
	timers      int      // that the event that is due has still to derive
	failures    int      // of reads, and delays
	arrivals    int
	fault       string // the first difference
	seen        map[Key]*seen
}

func newHistory(seed uint64, wrap func(*Controller) controller) *history {
	rng := rand.New(rand.NewPCG(seed, 0))
	overtaking := []int{0, 0, 2, 3, 4, 4}[rng.IntN(6)]
	h := &history{m: &model{}, rng: rng, overtaking: overtaking, firstAccess: rng.IntN(4) == 0, seen: map[Key]*seen{}}
	h.c = wrap(New())
	h.input, h.keys = 20+rng.IntN(60), 1+rng.IntN(12)
	h.limit = NewLimit([]int{1, 2, 5, 20, 100}[rng.IntN(5)])
	return h
}

func (h *history) fail(format string, args ...any) {
	if h.fault == "" {
		h.fault = fmt.Sprintf(format, args...)
	}
}

func (h *history) ended() bool {
	return h.input == 0 && len(h.m.entries) == 0 && h.m.closed == h.m.left
}

// run takes steps until all has ended, and returns the first difference.
func (h *history) run() string {
	steps := []func(){h.take, h.take, h.arrive, h.arrive, h.next, h.next, h.due, h.perform, h.leave}
	for n := 0; !h.ended() && h.fault == ""; n++ {
		if n == 50_000 {
			return "it does not end"
		}
		steps[h.rng.IntN(len(steps))]()
		d := h.m.differs(h.c)
		if n%8 == 0 && d == "" {
			d = h.m.differsAtABarrier(h.c)
		}
		if d != "" {
			h.fail("after step %d: %s", n, d)
		}
	}
	if h.fault == "" && h.c.InFlight() != 0 {
		return "records are left"
	}
	return h.fault
}

// take takes a record or an event from the input.
func (h *history) take() {
	switch {
	case h.input == 0 || h.limit.Full(h.c.InFlight()):
	case h.rng.IntN(6) == 0:
		h.input--
		if e := h.c.Close(); int(e) != h.m.closed {
			h.fail("event %d is called %d", h.m.closed, e)
		}
		h.m.closed++
	default:
		h.input--
		h.record()
	}
}

func (h *history) record() {
	e := h.random()
	e.epoch = h.m.closed
	e.overtakes = h.rng.IntN(4) < h.overtaking
	busy := h.busy(e.key)
	switch ready := h.m.ready(e.overtakes); {
	case h.firstAccess && ready:
		e.keyed, e.pending, e.enter = false, 0, h.rng.IntN(e.parks+2)
		h.enlist(e, h.c.Begin())
		h.inline(e)
	case ready && !busy && e.pending == 0:
		if e.parks > 0 {
			h.enlist(e, h.c.Start(e.key))
			h.inline(e)
		} else { // nobody hears of it
			h.starts(e)
			h.stops(e)
		}
	default:
		e.held = !ready
		h.enlist(e, h.c.Admit(e.key, e.pending, e.overtakes))
	}
}

// random is a record as it could come.
func (h *history) random() *entry {
	h.arrivals++
	e := &entry{key: Key(h.rng.IntN(h.keys)), keyed: true, parks: h.rng.IntN(3), arrival: h.arrivals}
	e.pending = max(0, h.rng.IntN(5)-2)
	return e
}

func (h *history) busy(key Key) bool {
	busy := h.m.busy(key)
	if h.c.Busy(key) != busy {
		h.fail("key %d: Busy is %v", key, !busy)
	}
	return busy
}

// enlist tells the model of a record, and sends its reads.
func (h *history) enlist(e *entry, id ID) {
	if id == 0 || h.m.find(id) != nil {
		h.fail("the ID %d is in use", id)
	}
	e.id = id
	h.m.add(e)
	for range e.pending {
		h.reads = append(h.reads, e)
	}
}

// inline lets a record run that is not admitted.
func (h *history) inline(e *entry) {
	if e.running = true; !e.inside {
		e.inside = true
		h.starts(e)
	}
	h.goOn(e)
}

// goOn runs a record's function until it waits or ends.
func (h *history) goOn(e *entry) {
	if !e.keyed && e.parks == e.enter {
		h.enter(e)
		if !e.running {
			return
		}
	}
	if e.parks > 0 {
		h.reads = append(h.reads, e)
		return
	}
	h.end(e)
}

func (h *history) enter(e *entry) {
	h.m.seq++
	e.keyed, e.running, e.place, e.pending = true, false, h.m.seq, h.rng.IntN(3)
	for range e.pending {
		h.reads = append(h.reads, e)
	}
	goesOn := h.c.Enter(e.id, e.key, e.pending)
	if want := h.m.mayStart(e); goesOn != want {
		h.fail("record %d enters key %d: it goes on: %v", e.seq, e.key, goesOn)
	}
	e.running = goesOn
}

func (h *history) end(e *entry) {
	if e.derived && h.rng.IntN(4) == 0 {
		h.derive() // a timer that sets another one, due at once
	}
	h.m.remove(e)
	h.stops(e)
	want := e.keyed && !h.m.busy(e.key)
	if free := h.c.Done(e.id); free != want {
		h.fail("record %d of key %d ends: free is %v", e.seq, e.key, free)
	}
}

// arrive lets a read be late, fail or arrive.
func (h *history) arrive() {
	if len(h.reads) == 0 {
		return
	}
	i := h.rng.IntN(len(h.reads))
	e := h.reads[i]
	if h.rng.IntN(4) > 0 {
		h.failures++ // it is sent again
		return
	}
	h.reads[i] = h.reads[len(h.reads)-1]
	h.reads = h.reads[:len(h.reads)-1]
	if e.pending > 0 {
		e.pending--
		h.c.Arrived(e.id)
		return
	}
	e.parks--
	h.goOn(e)
}

func (h *history) next() {
	id, ok := h.c.Next()
	want := h.m.next()
	switch {
	case !ok && want == nil:
	case !ok:
		h.fail("record %d of key %d is forgotten", want.seq, want.key)
	case want == nil:
		h.fail("ID %d starts, and none may: %+v", id, h.m.find(id))
	case id != want.id:
		h.fail("ID %d starts, and it is the turn of record %d of key %d", id, want.seq, want.key)
	default:
		h.inline(want)
	}
}

func (h *history) due() {
	event, ok := h.c.Due()
	if ok != h.m.isDue() || ok && int(event) != h.m.left {
		h.fail("event %d: Due is %d, %v", h.m.left, event, ok)
		return
	}
	if ok {
		h.m.due, h.timers = true, h.rng.IntN(6)
	}
}

func (h *history) perform() {
	switch {
	case !h.m.due || h.m.settled:
	case h.timers > 0:
		h.timers--
		h.derive()
	default:
		h.m.settled = true
		h.c.Settle()
	}
}

func (h *history) derive() {
	e := h.random()
	e.derived, e.epoch = true, h.m.left
	if !h.busy(e.key) && e.pending == 0 && e.parks > 0 {
		h.enlist(e, h.c.StartDerived(e.key))
		h.inline(e)
		return
	}
	h.enlist(e, h.c.Derive(e.key, e.pending))
}

func (h *history) leave() {
	event, ok := h.c.Leave()
	if ok != h.m.leaves() || ok && int(event) != h.m.left {
		h.fail("event %d: Leave is %d, %v", h.m.left, event, ok)
		return
	}
	if ok {
		h.m.leave()
	}
}

func TestEveryHistoryKeepsTheRules(t *testing.T) {
	first := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d", first)
	tame, flights := 0, 0
	for i := range *seeds {
		h := newHistory(first+i, func(c *Controller) controller { return c })
		if fault := h.run(); fault != "" {
			t.Fatalf("seed %d: %s", first+i, fault)
		}
		if h.failures < 10 {
			tame++
		}
		flights += h.m.maxFlights
	}
	if n := int(*seeds); tame > n/20 || flights < 3*n {
		t.Errorf("%d of %d histories have fewer than 10 late or failed reads; %d in flight at most", tame, n, flights/n)
	}
}
