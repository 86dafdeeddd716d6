package checkpoint

import (
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var (
	histories = flag.Uint64("checkpoint.histories", 1000, "how many random histories are run")
	oneSeed   = flag.Uint64("checkpoint.seed", 0, "the only random history to run, and to print; 0 for new ones")
)

const (
	leastSteps       = 700 // of a history, until its input ends
	faultKinds       = 13
	leastFaults      = 10     // that have happened until then
	leastCheckpoints = 3      // that were stored until then
	mostLate         = 10     // messages of earlier lives that are kept
	mostEventful     = 5_000  // steps: nothing fails after so many
	mostSteps        = 20_000 // a history that is longer hangs
)

// world is what stands around coordinators in a random history: tasks, a store and a sink that are slow, lose
// messages and fail, processes that die; and the rules that must hold whatever they do.
type world struct {
	shelf
	life
	rng   *rand.Rand
	trace io.Writer
	bug   bug

	// unique says that no life uses a number that any life before it has used, so that late messages may reach
	// anybody. If it is not so, numbers without a manifest are forgotten, and messages reach only whom they are for.
	unique bool
	calm   bool   // nothing fails any more when the input has ended
	term   uint64 // of the life, or attempt to begin one
	last   uint64 // the newest number that any life has used
	now    int64
	inbox  []message
	old    []message // of earlier lives
	asked  Ticket    // the newest
	ended  bool      // the input
	steps  int
	faults map[string]int
	count  int    // of all faults that were drawn
	lates  int    // messages of earlier lives that arrived
	broken string // the first rule that was broken
}

// life is a run of the job in a process: what is lost when it ends.
type life struct {
	c         *Coordinator
	at        Event // that it is taking
	job       *job
	first     uint64 // the newest number that has been used
	underWay  uint64 // the checkpoint that is neither stored nor given up
	closed    bool   // the last checkpoint is stored
	cuts      map[uint64]*cut
	parts     map[uint64]map[int]Subtask
	acked     map[uint64]map[int]bool
	reasons   map[uint64]Reason
	stored    []uint64
	committed []uint64
	want      map[Ticket]Reason
	answered  map[Ticket]bool
	told      bool   // that the input has ended
	over      bool   // finished or failed
	finished  Reason // not empty if it has
	dead      bool   // killed
	collapsed bool   // a task has failed
}

// message is an event for a coordinator, or work for a task, the store or the sink: one of the types below.
type message any

type (
	trigger struct {
		checkpoint uint64
		task       int
		last       bool
	}
	saving     Store
	committing Commit
	retiring   Retire
)

func (w *world) post(what any) { w.inbox = append(w.inbox, what) }

func (w *world) note(format string, args ...any) { fmt.Fprintf(w.trace, format, args...) }

// chance is true once in n times: then a fault happens.
func (w *world) chance(n int, fault string) bool {
	if w.rng.IntN(n) > 0 || w.steps > mostEventful || w.calm && w.ended {
		return false
	}
	w.faults[fault]++
	w.count++
	w.note("%s\n", fault)
	return true
}

// beginning is what a life begins with.
type beginning struct {
	from     *image
	last     uint64
	retained []uint64
	recover  bool
	sources  []Assignment
	keyed    []Assignment
}

// start begins lives until one goes on from the newest checkpoint.
func (w *world) start() {
	for w.life = (life{}); w.c == nil && w.broken == ""; {
		w.term++
		b := beginning{from: w.head, last: w.newest, recover: true}
		if w.unique {
			b.last = w.last
		}
		for _, i := range w.manifests {
			b.retained = append(b.retained, i.number)
		}
		w.first = b.last
		if w.bug.start != nil {
			w.bug.start(w, &b)
		}
		b.sources = Assign(b.from.source, 1+w.rng.IntN(3), groups)
		b.keyed = Assign(b.from.keyed, 1+w.rng.IntN(4), groups)
		if w.bug.assign != nil {
			w.bug.assign(&b)
		}
		w.note("term %d from %d, last %d, retained %v\n", w.term, b.from.number, b.last, b.retained)
		w.whole(b.from, b.sources, b.keyed)
		if b.recover && !w.recover(b.from) {
			continue
		}
		w.live(b)
	}
}

// live opens the tasks and the protocol.
func (w *world) live(b beginning) {
	w.life = life{
		first: w.first, cuts: map[uint64]*cut{}, parts: map[uint64]map[int]Subtask{}, acked: map[uint64]map[int]bool{},
		reasons: map[uint64]Reason{}, want: map[Ticket]Reason{}, answered: map[Ticket]bool{},
	}
	w.job = w.build(b.sources, b.keyed)
	w.c = NewCoordinator(Config{
		Interval: []int64{40, 100, 200}[w.rng.IntN(3)], Timeout: 350, Tolerated: []int{0, 1, 3, 1000}[w.rng.IntN(4)],
		Retain: 1 + w.rng.IntN(3), Tasks: w.job.tasks(),
	}, b.last, b.retained, w.now)
}

// step takes an event to the coordinator, and does what that decides, unless the process dies.
func (w *world) step(e Event, late bool) {
	w.note("%T%v late %v\n", e, e, late)
	w.at = e
	actions := w.c.Step(e)
	if w.bug.step != nil {
		actions = w.bug.step(w.c, e, actions, late)
	}
	for _, a := range actions {
		if w.chance(500, "death between two actions") {
			w.dead = true
			return
		}
		w.note("  %T%v\n", a, a)
		w.act(a)
	}
	w.rule(w.c.NextTick() >= w.c.now, "the next tick, %d, has passed at %d", w.c.NextTick(), w.c.now)
}

// pick removes a random message, so that they overtake each other.
func (w *world) pick(from *[]message) message {
	at := w.rng.IntN(len(*from))
	m := (*from)[at]
	*from = slices.Delete(*from, at, at+1)
	return m
}

// take lets a message have its effect.
func (w *world) take(m message) {
	switch e := m.(type) {
	case trigger:
		w.note("%T%v\n", m, m)
		w.barrier(e)
	case Event:
		w.tell(e)
	default:
		if w.rng.IntN(3) > 0 { // the store and the sink take longer than messages
			w.post(m)
			return
		}
		w.settle(m)
	}
}

// late is a message of an earlier life. The store refuses it: a later term has begun. The sink does not, but what
// was to be committed has been when this life began.
func (w *world) late(m message) {
	w.lates++
	if e, ok := m.(Event); ok && w.unique {
		w.step(e, true)
	}
	if e, ok := m.(committing); ok {
		w.note("late %T%v\n", e, e)
		w.rule(w.publish(committables(w.images[e.Checkpoint])) == 0, "%d is committed by an earlier life", e.Checkpoint)
	}
}

// tell notes what the coordinator now knows, and steps it.
func (w *world) tell(e Event) {
	switch e := e.(type) {
	case Ack:
		w.acked[e.Checkpoint][e.Task] = true
	case Stored:
		w.stored, w.underWay = append(w.stored, e.Checkpoint), 0
		w.closed = w.reasons[e.Checkpoint].Last()
	case Committed:
		w.committed = append(w.committed, e.Checkpoint)
	}
	w.step(e, false)
}

// ask makes a request of somebody who waits for the answer.
func (w *world) ask(reason Reason) {
	w.asked++
	w.want[w.asked] = reason
	w.step(Request{w.now, reason, w.asked}, false)
}

// something happens.
func (w *world) something() {
	switch n := w.rng.IntN(100); {
	case n < 1 && w.chance(4, "death"):
		w.dead = true
	case n < 2 && w.chance(15, "failed task"):
		w.collapsed = true
	case n < 4:
		w.ask([]Reason{ReasonManual, ReasonSavepoint}[w.rng.IntN(2)])
	case n < 5 && w.rng.IntN(3) == 0:
		w.ask([]Reason{ReasonStop, ReasonStopSavepoint}[w.rng.IntN(2)])
	case n < 46:
		for range 4 {
			w.work()
		}
	case n < 77 && len(w.inbox) > 0:
		w.take(w.pick(&w.inbox))
	case n < 84 && len(w.old) > 0:
		w.late(w.old[w.rng.IntN(len(w.old))]) // it may arrive again
	case w.ended && !w.told:
		w.told = true
		w.step(Request{w.now, ReasonEnd, 0}, false)
	default:
		w.now += w.rng.Int64N(40)
		w.step(Tick{w.now}, false)
	}
}

// conclude ends a life: in order, unless the process is dead. Then what was under way may have happened or not, or
// arrives in a later life.
func (w *world) conclude() {
	if !w.dead {
		if w.over {
			w.linger()
		}
		w.over = true
		w.step(Ended{"the tasks have ended"}, false)
		w.linger()
		w.rule(w.dead || len(w.answered) == len(w.want), "%d of %d requests are answered",
			len(w.answered), len(w.want))
	}
	for len(w.inbox) > 0 {
		m := w.pick(&w.inbox)
		if _, ok := m.(Event); !ok && w.rng.IntN(2) == 0 {
			w.settle(m)
		} else {
			w.old = append(w.old, m)
		}
	}
	if w.head.number > 0 { // and what has happened is told again
		w.old = append(w.old, Stored{w.head.number}, Committed{w.head.number})
	}
	if w.underWay > 0 { // tasks notice that it will not be
		w.old = append(w.old, Decline{w.underWay, 0, "gone"})
	}
	w.old = w.old[max(0, len(w.old)-mostLate):]
}

// linger steps a coordinator that is over: nothing follows, whatever is still to come.
func (w *world) linger() {
	w.step(Tick{w.now + 100_000}, false)
	for _, m := range w.inbox[:min(3, len(w.inbox))] {
		if e, ok := m.(Event); ok {
			w.step(e, false)
		}
	}
}

// settle does work of the store or the sink.
func (w *world) settle(work message) {
	w.note("%T%v\n", work, work)
	switch e := work.(type) {
	case saving:
		w.save(e)
	case committing:
		w.commit(e.Checkpoint)
	case retiring:
		w.retire(e.Keep)
	}
}

// history runs a random history. It returns its world and a hash of all that happened.
func history(seed uint64, b bug, log io.Writer) (*world, uint64) {
	sum := fnv.New64a()
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 0)), trace: io.MultiWriter(sum, log), bug: b,
		shelf: newShelf(), faults: map[string]int{},
	}
	w.unique, w.calm = w.rng.IntN(3) > 0, w.rng.IntN(2) == 0
	w.start()
	for ; w.broken == ""; w.steps++ {
		w.rule(w.steps < mostSteps, "it has not ended after %d steps", w.steps)
		w.ended = w.ended || w.steps > leastSteps && w.count >= leastFaults && w.completed >= leastCheckpoints
		if w.something(); !w.over && !w.dead && !w.collapsed || w.broken != "" {
			continue
		}
		finished := w.finished
		w.conclude()
		if finished == ReasonEnd {
			break
		}
		w.start()
	}
	return w, sum.Sum64()
}

// seeds are those that a test runs.
func seeds() (from, n uint64) {
	if *oneSeed != 0 {
		return *oneSeed, 1
	}
	if testing.Short() {
		*histories = min(*histories, 100)
	}
	return uint64(time.Now().UnixNano()), *histories
}

func TestNoHistoryBreaksARule(t *testing.T) {
	log := io.Discard
	if *oneSeed != 0 {
		log = t.Output()
	}
	faults, rows, completed, lates, terms := map[string]int{}, 0, 0, 0, uint64(0)
	from, n := seeds()
	for seed := from; seed < from+n; seed++ {
		w, sum := history(seed, bug{}, log)
		if w.broken != "" {
			t.Fatalf("seed %d, term %d: %s (-checkpoint.seed=%[1]d runs it again)", seed, w.term, w.broken)
		}
		if w.count < leastFaults || w.completed < leastCheckpoints || w.head.before != w.everyRow() {
			t.Fatalf("seed %d: %d faults, %d checkpoints", seed, w.count, w.completed)
		}
		if _, again := history(seed, bug{}, io.Discard); sum != again {
			t.Fatalf("seed %d: the same history differs when it is run again", seed)
		}
		rows, completed, terms, lates = rows+len(w.visible), completed+w.completed, terms+w.term, lates+w.lates
		for fault, times := range w.faults {
			faults[fault] += times
		}
	}
	t.Logf("%d histories from seed %d: %d rows, %d checkpoints, %d terms, %d late messages",
		n, from, rows, completed, terms, lates)
	t.Logf("faults: %v", faults)
	if n >= 100 && len(faults) != faultKinds {
		t.Errorf("of %d kinds of faults, only these have happened: %v", faultKinds, faults)
	}
}

// everyRow is what the sources have read in the last life.
func (w *world) everyRow() (all cut) {
	for _, s := range w.job.sources {
		for _, id := range s.splits {
			all[id] = s.next[id]
		}
	}
	return all
}
