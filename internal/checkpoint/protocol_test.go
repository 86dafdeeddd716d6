package checkpoint

import (
	"fmt"
	"strings"
	"testing"
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
		case Restart:
			out = append(out, fmt.Sprintf("restart %d: %s", a.Region, a.Cause))
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
