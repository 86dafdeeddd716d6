package checkpoint

import (
	"fmt"
	"testing"
)

func TestACheckpointThatIsAskedForBeginsAtOnceAndItsAskerHearsItsNumber(t *testing.T) {
	story(t,
		Request{300, ReasonManual, 1}, "begin 5 manual",
		Ack{5, 0}, "", Ack{5, 1}, "store 5",
		Stored{5}, "answer #1: 5, commit 5, keep [4 5]",
		Committed{5}, "",
		Tick{1299}, "", // the time to the next one counts from it
		Tick{1300}, "begin 6 periodic",
	)
}

func TestASavepointIsNoneOfThoseThatAreRetired(t *testing.T) {
	story(t,
		Request{300, ReasonSavepoint, 1}, "begin 5 savepoint",
		Ack{5, 0}, "", Ack{5, 1}, "store 5",
		Stored{5}, "answer #1: 5, commit 5, keep [3 4]",
		Committed{5}, "",
		Tick{1300}, "begin 6 periodic", Ack{6, 0}, "", Ack{6, 1}, "store 6",
		Stored{6}, "commit 6, keep [4 6]",
	)
}

func TestRequestsWaitForTheirTurnAndEachHasACheckpointOfItsOwn(t *testing.T) {
	story(t,
		Tick{1000}, "begin 5 periodic",
		Request{1100, ReasonManual, 1}, "",
		Request{1200, ReasonSavepoint, 2}, "",
		Ack{5, 0}, "", Ack{5, 1}, "store 5",
		Stored{5}, "commit 5, begin 6 manual, keep [4 5]",
		Committed{5}, "",
		Ack{6, 0}, "", Ack{6, 1}, "store 6",
		Stored{6}, "answer #1: 6, commit 6, begin 7 savepoint, keep [5 6]",
		Committed{6}, "",
		Ack{7, 0}, "", Ack{7, 1}, "store 7",
		Stored{7}, "answer #2: 7, commit 7, keep [5 6]",
	)
}

func TestARequestThatFailsIsAnsweredAndDoesNoHarm(t *testing.T) {
	c := NewCoordinator(Config{Interval: 100_000, Timeout: 10_000, Retain: 1, Tasks: 1}, 0, nil, 0) // none may fail
	for i := range uint64(5) {
		if got, want := show(c.Step(Request{0, ReasonSavepoint, Ticket(i + 1)})), fmt.Sprintf("begin %d savepoint", i+1); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
		want := fmt.Sprintf("abort %d: task 0: x, answer #%[1]d: 0task 0: x", i+1)
		if got := show(c.Step(Decline{i + 1, 0, "x"})); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

func TestTheNextRequestHasItsTurnAfterOneThatFailed(t *testing.T) {
	story(t,
		Request{100, ReasonManual, 1}, "begin 5 manual",
		Request{200, ReasonManual, 2}, "",
		Tick{10_100}, "abort 5: 2 of 2 tasks had not taken part after 10000 ms, "+
			"answer #1: 02 of 2 tasks had not taken part after 10000 ms, begin 6 manual",
	)
}

func TestAStopWithASavepointIsTheLastCheckpoint(t *testing.T) {
	story(t,
		Request{100, ReasonStopSavepoint, 1}, "begin 5 stop-savepoint",
		Decline{5, 0, "x"}, "abort 5: task 0: x", // and is tried again, so that its asker waits
		Tick{200}, "begin 6 stop-savepoint",
		Ack{6, 0}, "", Ack{6, 1}, "store 6",
		Stored{6}, "answer #1: 6, commit 6, keep [3 4]",
		Committed{6}, "finished stop-savepoint",
		Request{300, ReasonManual, 2}, "answer #2: 0"+refused,
	)
}

func TestWhoWaitsWhenTheJobEndsIsToldSo(t *testing.T) {
	story(t,
		Tick{1000}, "begin 5 periodic",
		Request{1100, ReasonManual, 1}, "",
		Request{1200, ReasonEnd, 0}, "answer #1: 0"+refused,
		Request{1300, ReasonStopSavepoint, 2}, "answer #2: 0"+refused,
		Ack{5, 0}, "", Ack{5, 1}, "store 5",
		Stored{5}, "commit 5, begin 6 end, keep [4 5]",
	)
}

func TestARunThatFailsAnswersAll(t *testing.T) {
	story(t,
		Request{100, ReasonStopSavepoint, 1}, "begin 5 stop-savepoint", Decline{5, 0, "x"}, "abort 5: task 0: x",
		Tick{300}, "begin 6 stop-savepoint",
		Decline{6, 0, "y"}, "abort 6: task 0: y, answer #1: 0task 0: y, "+
			"fail: 2 checkpoints in a row have failed, the last one: task 0: y",
	)
	story(t,
		Request{100, ReasonSavepoint, 1}, "begin 5 savepoint",
		Request{100, ReasonSavepoint, 2}, "",
		Ended{"broken"}, "answer #1: 0broken, answer #2: 0broken",
		Ended{"broken"}, "",
	)
}

func TestOnlySoManyRequestsWait(t *testing.T) {
	c := NewCoordinator(Config{Timeout: 1000, Retain: 1, Tasks: 1}, 0, nil, 0)
	for i := range Ticket(MaxWaiting + 1) {
		if got := show(c.Step(Request{0, ReasonManual, i + 1})); got != "" && i > 0 {
			t.Fatal(got)
		}
	}
	if got := show(c.Step(Request{0, ReasonManual, 99})); got != "answer #99: 016 requests wait for their turn already" {
		t.Error(got)
	}
}
