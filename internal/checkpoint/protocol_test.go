package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// show renders actions: what the stories below compare.
func show(actions []Action) string {
	var out []string
	for _, a := range actions {
		switch a := a.(type) {
		case Begin:
			out = append(out, fmt.Sprintf("begin %d %s", a.Checkpoint, a.Reason))
		case Store:
			out = append(out, fmt.Sprintf("store %d", a.Checkpoint))
		case Commit:
			out = append(out, fmt.Sprintf("commit %d", a.Checkpoint))
		case Abort:
			out = append(out, fmt.Sprintf("abort %d: %s", a.Checkpoint, a.Cause))
		case Retire:
			out = append(out, fmt.Sprintf("keep %v", a.Keep))
		case Fail:
			out = append(out, "fail: "+a.Cause)
		case Finished:
			out = append(out, "finished "+string(a.Reason))
		case Answer:
			out = append(out, fmt.Sprintf("answer #%d: %d%s", a.Ticket, a.Checkpoint, a.Failure))
		}
	}
	return strings.Join(out, ", ")
}

// story steps a coordinator of two tasks, with an interval of 1 s, a timeout of 10 s, one tolerated failure and
// two retained checkpoints, through events, and compares what it does.
func story(t *testing.T, steps ...any) {
	t.Helper()
	c := NewCoordinator(Config{Interval: 1000, Timeout: 10_000, Tolerated: 1, Retain: 2, Tasks: 2}, 4, []uint64{3, 4}, 0)
	for i := 0; i < len(steps); i += 2 {
		if got, want := show(c.Step(steps[i].(Event))), steps[i+1].(string); got != want {
			t.Fatalf("step %d, %#v: %q, want %q", i/2, steps[i], got, want)
		}
	}
}

func TestACheckpointIsStoredWhenAllTasksHaveAcknowledgedAndThenCommitted(t *testing.T) {
	story(t,
		Tick{999}, "",
		Tick{1000}, "begin 5 periodic",
		Ack{5, 0}, "",
		Ack{5, 0}, "", // twice is once
		Ack{5, 1}, "store 5",
		Tick{2500}, "", // none begins before it is stored
		Stored{5}, "commit 5, begin 6 periodic, keep [4 5]",
		Committed{5}, "",
	)
}

func TestADeclineAbortsAndTheNextOneHasANewNumber(t *testing.T) {
	story(t,
		Tick{1000}, "begin 5 periodic",
		Decline{5, 1, "disk full"}, "abort 5: task 1: disk full",
		Ack{5, 0}, "", // late
		Tick{2000}, "begin 6 periodic",
		Decline{5, 0, "late"}, "",
		Ack{6, 0}, "", Ack{6, 1}, "store 6",
	)
}

func TestTooManyFailuresInARowFailTheRun(t *testing.T) {
	story(t,
		Tick{1000}, "begin 5 periodic",
		Tick{11_000}, "abort 5: 2 of 2 tasks had not taken part after 10000 ms",
		Tick{11_000}, "begin 6 periodic",
		Ack{6, 0}, "", Ack{6, 1}, "store 6",
		StoreFailed{6, "no room"}, "abort 6: no room, fail: 2 checkpoints in a row have failed, the last one: no room",
		Tick{20_000}, "",
	)
}

func TestAStoredCheckpointForgivesEarlierFailures(t *testing.T) {
	story(t,
		Tick{1000}, "begin 5 periodic", Decline{5, 0, "x"}, "abort 5: task 0: x",
		Tick{2000}, "begin 6 periodic", Ack{6, 0}, "", Ack{6, 1}, "store 6", Stored{6}, "commit 6, keep [4 6]",
		Committed{6}, "",
		Tick{3000}, "begin 7 periodic", Decline{7, 0, "x"}, "abort 7: task 0: x",
		Tick{4000}, "begin 8 periodic",
	)
}

func TestAFailedCommitIsRepeatedAndLaterOnesWait(t *testing.T) {
	story(t,
		Tick{1000}, "begin 5 periodic", Ack{5, 0}, "", Ack{5, 1}, "store 5", Stored{5}, "commit 5, keep [4 5]",
		CommitFailed{1000, 5, "x"}, "",
		Tick{1099}, "",
		Tick{1100}, "commit 5",
		Tick{2000}, "begin 6 periodic", Ack{6, 0}, "", Ack{6, 1}, "store 6", Stored{6}, "keep [5 6]",
		CommitFailed{2000, 5, "x"}, "",
		Tick{2200}, "commit 5",
		Committed{5}, "commit 6",
		Committed{6}, "",
	)
}

func TestTheEndOfTheInputIsALastCheckpoint(t *testing.T) {
	story(t,
		Request{500, ReasonEnd, 0}, "begin 5 end",
		Request{600, ReasonStop, 0}, "",
		Ack{5, 0}, "", Ack{5, 1}, "store 5",
		Stored{5}, "commit 5, keep [4 5]",
		Tick{5000}, "", // nothing begins after the last
		Committed{5}, "finished end",
		Tick{9000}, "",
	)
}

func TestARequestWaitsForTheCheckpointUnderWay(t *testing.T) {
	story(t,
		Tick{1000}, "begin 5 periodic",
		Request{1100, ReasonStop, 0}, "",
		Ack{5, 0}, "", Ack{5, 1}, "store 5",
		Stored{5}, "commit 5, begin 6 stop, keep [4 5]",
		Ack{6, 0}, "", Ack{6, 1}, "store 6",
		Stored{6}, "keep [5 6]",
		Committed{5}, "commit 6",
		Committed{6}, "finished stop",
	)
}

func TestALastCheckpointThatFailsIsTriedAgain(t *testing.T) {
	story(t,
		Request{100, ReasonEnd, 0}, "begin 5 end",
		Decline{5, 0, "x"}, "abort 5: task 0: x",
		Tick{150}, "",
		Tick{200}, "begin 6 end",
	)
}

func TestWithoutAnIntervalOnlyTheLastIsTaken(t *testing.T) {
	c := NewCoordinator(Config{Timeout: 1000, Retain: 1, Tasks: 1}, 0, nil, 0)
	for at := int64(0); at < 100_000; at += 700 {
		if got := show(c.Step(Tick{at})); got != "" {
			t.Fatal(got)
		}
	}
	if got := show(c.Step(Request{100_000, ReasonEnd, 0})); got != "begin 1 end" {
		t.Fatal(got)
	}
}

// world is what stands around a coordinator in random histories: tasks, a store and sinks that are slow, lose
// messages and fail; and the rules that must hold whatever they do.
type world struct {
	rng       *rand.Rand
	now       int64
	inbox     []Event
	begun     []uint64
	acked     map[uint64]map[int]bool
	storing   map[uint64]bool
	reasons   map[uint64]Reason
	stored    []uint64
	committed []uint64
	kept      []uint64
	unsettled bool   // a checkpoint is neither stored nor given up
	asked     Ticket // the newest
	want      map[Ticket]Reason
	answered  map[Ticket]Answer
	finished  bool
	failed    bool
	broken    string // the first rule that was broken
}

const worldTasks = 3

func (w *world) rule(holds bool, format string, args ...any) {
	if !holds && w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

// act checks an action against the rules and lets the world answer, sooner or later or never.
func (w *world) act(a Action) {
	_, answers := a.(Answer)
	w.rule(!w.finished && !w.failed || answers, "%#v after the end", a)
	switch a := a.(type) {
	case Begin:
		w.rule(len(w.begun) == 0 || a.Checkpoint > w.begun[len(w.begun)-1], "number %d is not new", a.Checkpoint)
		w.rule(len(w.begun) == 0 || !w.unsettled, "%d begins while one is under way", a.Checkpoint)
		w.begun, w.unsettled = append(w.begun, a.Checkpoint), true
		w.reasons[a.Checkpoint] = a.Reason
		w.acked[a.Checkpoint] = map[int]bool{}
		for t := range worldTasks {
			switch w.rng.IntN(20) {
			case 0: // lost
			case 1:
				w.inbox = append(w.inbox, Decline{a.Checkpoint, t, "x"})
			default:
				w.inbox = append(w.inbox, Ack{a.Checkpoint, t})
			}
		}
	case Store:
		w.rule(len(w.acked[a.Checkpoint]) == worldTasks,
			"%d is stored after %d acks", a.Checkpoint, len(w.acked[a.Checkpoint]))
		w.rule(a.Checkpoint == w.begun[len(w.begun)-1],
			"%d is stored, the newest is %d", a.Checkpoint, w.begun[len(w.begun)-1])
		w.storing[a.Checkpoint] = true
		if w.rng.IntN(10) == 0 {
			w.inbox = append(w.inbox, StoreFailed{a.Checkpoint, "x"})
		} else {
			w.inbox = append(w.inbox, Stored{a.Checkpoint})
		}
	case Commit:
		next := len(w.committed)
		w.rule(next < len(w.stored) && w.stored[next] == a.Checkpoint, "%d is committed, stored are %v, committed %v",
			a.Checkpoint, w.stored, w.committed)
		if w.rng.IntN(5) == 0 {
			w.inbox = append(w.inbox, CommitFailed{w.now, a.Checkpoint, "x"})
		} else {
			w.inbox = append(w.inbox, Committed(a))
		}
	case Abort:
		w.unsettled = false
	case Retire:
		w.kept = a.Keep
		newest := w.stored[len(w.stored)-1]
		w.rule(slices.Contains(a.Keep, newest) != w.reasons[newest].Kept(), "%s %d is newest: %v", w.reasons[newest], newest, a.Keep)
	case Answer:
		w.answer(a)
	case Fail:
		w.failed = true
	case Finished:
		w.finished = true
		w.rule(len(w.stored) > 0 && len(w.stored) == len(w.committed), "finished with %v stored, %v committed",
			w.stored, w.committed)
	}
}

// answer checks that whoever holds a ticket learns the truth, once.
func (w *world) answer(a Answer) {
	_, twice := w.answered[a.Ticket]
	w.rule(!twice && a.Ticket > 0 && a.Ticket <= w.asked, "ticket %d is answered again", a.Ticket)
	w.answered[a.Ticket] = a
	w.rule((a.Checkpoint == 0) == (a.Failure != ""), "neither or both: %+v", a)
	if a.Checkpoint > 0 {
		w.rule(slices.Contains(w.stored, a.Checkpoint), "ticket %d hears of %d, which is not stored", a.Ticket, a.Checkpoint)
		w.rule(w.reasons[a.Checkpoint] == w.want[a.Ticket], "ticket %d for %s got a %s", a.Ticket, w.want[a.Ticket],
			w.reasons[a.Checkpoint])
	}
}

// ask makes a request.
func (w *world) ask(reason Reason) Request {
	w.asked++
	w.want[w.asked] = reason
	return Request{w.now, reason, w.asked}
}

// take removes a random message, so that they overtake each other.
func (w *world) take() Event {
	i := w.rng.IntN(len(w.inbox))
	e := w.inbox[i]
	w.inbox = slices.Delete(w.inbox, i, i+1)
	switch e := e.(type) {
	case Ack:
		w.acked[e.Checkpoint][e.Task] = true
	case Stored:
		w.stored, w.unsettled = append(w.stored, e.Checkpoint), false
	case Committed:
		w.committed = append(w.committed, e.Checkpoint)
	}
	return e
}

// history runs a random history; bug, if not nil, falsifies what the coordinator does. It returns the first
// rule that was broken.
func history(seed uint64, bug func(c *Coordinator, e Event, a []Action) []Action) string {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 0)), acked: map[uint64]map[int]bool{}, storing: map[uint64]bool{},
		reasons: map[uint64]Reason{}, want: map[Ticket]Reason{}, answered: map[Ticket]Answer{},
	}
	c := NewCoordinator(Config{Interval: 50, Timeout: 400, Tolerated: 1000, Retain: 2, Tasks: worldTasks}, 0, nil, 0)
	for range 600 {
		var e Event
		switch {
		case w.now > 3000 && w.rng.IntN(50) == 0:
			e = w.ask([]Reason{ReasonEnd, ReasonStop, ReasonStopSavepoint}[w.rng.IntN(3)])
		case w.rng.IntN(40) == 0:
			e = w.ask([]Reason{ReasonManual, ReasonSavepoint}[w.rng.IntN(2)])
		case len(w.inbox) > 0 && w.rng.IntN(3) > 0:
			e = w.take()
		default:
			w.now += w.rng.Int64N(30)
			e = Tick{w.now}
		}
		actions := c.Step(e)
		if bug != nil {
			actions = bug(c, e, actions)
		}
		for _, a := range actions {
			w.act(a)
		}
		if next := c.NextTick(); next < c.now {
			w.rule(false, "the next tick, %d, has passed at %d", next, c.now)
		}
		if w.broken != "" || w.finished {
			break
		}
	}
	for _, a := range c.Step(Ended{"the tasks have ended"}) {
		w.act(a)
	}
	w.rule(len(w.answered) == int(w.asked), "%d of %d requests were answered", len(w.answered), w.asked)
	if w.broken == "" && len(w.stored) == 0 {
		w.broken = "nothing was ever stored"
	}
	return w.broken
}

func TestNoHistoryBreaksARule(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(3000) {
		if broken := history(seed+i, nil); broken != "" {
			t.Fatalf("seed %d: %s", seed+i, broken)
		}
	}
}

func TestPlantedBugsAreFound(t *testing.T) {
	bugs := map[string]func(c *Coordinator, e Event, a []Action) []Action{
		"stores without the last ack": func(c *Coordinator, e Event, a []Action) []Action {
			if len(c.pending) == 1 && c.phase == taking {
				c.phase = storing
				return append(a, Store{c.last, c.reason})
			}
			return a
		},
		"commits before it is stored": func(_ *Coordinator, e Event, a []Action) []Action {
			for _, x := range a {
				if s, ok := x.(Store); ok {
					return append(a, Commit{s.Checkpoint})
				}
			}
			return a
		},
		"uses a number again": func(c *Coordinator, _ Event, a []Action) []Action {
			for _, x := range a {
				if _, ok := x.(Abort); ok {
					c.last--
				}
			}
			return a
		},
		"retires the newest": func(_ *Coordinator, _ Event, a []Action) []Action {
			for i, x := range a {
				if r, ok := x.(Retire); ok {
					a[i] = Retire{r.Keep[:len(r.Keep)-1]}
				}
			}
			return a
		},
		"finishes before the commit": func(c *Coordinator, _ Event, a []Action) []Action {
			if c.closing != "" && len(c.commits) > 0 {
				return append(a, Finished{c.closing})
			}
			return a
		},
		"answers before it is stored": func(c *Coordinator, _ Event, a []Action) []Action {
			for _, x := range a {
				if s, ok := x.(Store); ok {
					return append(a, c.answer(s.Checkpoint, "")...)
				}
			}
			return a
		},
		"forgets one who waits": func(c *Coordinator, _ Event, a []Action) []Action {
			if len(c.waiting) == 2 {
				c.waiting = c.waiting[1:]
			}
			return a
		},
		"answers with the next one's number": func(_ *Coordinator, _ Event, a []Action) []Action {
			for i, x := range a {
				if n, ok := x.(Answer); ok && n.Checkpoint > 0 {
					n.Checkpoint++
					a[i] = n
				}
			}
			return a
		},
		"counts a savepoint among those that are retired": func(c *Coordinator, _ Event, a []Action) []Action {
			for i, x := range a {
				if r, ok := x.(Retire); ok && c.reason.Kept() {
					a[i] = Retire{append(r.Keep, c.last)}
				}
			}
			return a
		},
		"begins one while another is taken": func(c *Coordinator, _ Event, a []Action) []Action {
			if len(c.waiting) > 0 && c.phase == taking {
				return append(a, c.begin())
			}
			return a
		},
		"forgets a commit": func(c *Coordinator, _ Event, a []Action) []Action {
			if len(c.commits) == 2 {
				c.commits = c.commits[1:]
			}
			return a
		},
	}
	for name, bug := range bugs {
		found := false
		for seed := range uint64(100) {
			found = found || history(seed, bug) != ""
		}
		if !found {
			t.Errorf("the bug that %s is not found in 100 histories", name)
		}
	}
}
