package async

import "testing"

func wantDue(t *testing.T, c *Controller, want EventID) {
	t.Helper()
	if e, ok := c.Due(); !ok || e != want {
		t.Fatalf("Due is %d, %v, want event %d", e, ok, want)
	}
}

func wantNoneDue(t *testing.T, c *Controller) {
	t.Helper()
	if e, ok := c.Due(); ok {
		t.Fatalf("event %d is due", e)
	}
}

func wantLeave(t *testing.T, c *Controller, want EventID) {
	t.Helper()
	if e, ok := c.Leave(); !ok || e != want {
		t.Fatalf("Leave is %d, %v, want event %d", e, ok, want)
	}
}

func wantNoneLeaves(t *testing.T, c *Controller) {
	t.Helper()
	if e, ok := c.Leave(); ok {
		t.Fatalf("event %d leaves", e)
	}
}

// perform lets an event that derives nothing leave.
func perform(t *testing.T, c *Controller, event EventID) {
	t.Helper()
	wantDue(t, c, event)
	c.Settle()
	wantLeave(t, c, event)
}

func TestAnEventWaitsForTheRecordsBeforeIt(t *testing.T) {
	for _, overtake := range []bool{false, true} {
		c := New()
		a, b := c.Admit(1, 0, overtake), c.Admit(2, 0, overtake)
		event := c.Close()
		wantRuns(t, c, a, b)
		wantDone(t, c, a, true)
		wantNoneDue(t, c)
		wantDone(t, c, b, true)
		wantDue(t, c, event)
		wantNoneDue(t, c) // it is being performed
		wantNoneLeaves(t, c)
		c.Settle()
		wantLeave(t, c, event)
		wantNoneLeaves(t, c)
	}
}

func TestAnEventWithNothingBeforeItIsDueAtOnce(t *testing.T) {
	c := New()
	for event := range EventID(3) {
		if e := c.Close(); e != event {
			t.Fatalf("event %d is called %d", event, e)
		}
		perform(t, c, event)
	}
	wantNoneDue(t, c)
}

func TestRecordsDoNotStartBeforeTheEventBeforeThemHasLeft(t *testing.T) {
	c := New()
	a := c.Admit(1, 0, false)
	event := c.Close()
	b, d := c.Admit(2, 0, false), c.Admit(1, 1, false)
	if c.Ready(false) {
		t.Error("a record may run at once, and an event waits")
	}
	wantRuns(t, c, a)
	wantDone(t, c, a, false) // another of its key is held back
	c.Arrived(d)
	wantDue(t, c, event)
	wantRuns(t, c)
	c.Settle()
	wantRuns(t, c)
	wantLeave(t, c, event)
	wantRuns(t, c, b, d)
	if !c.Ready(false) {
		t.Error("no event waits, and a record may not run at once")
	}
}

func TestRecordsThatOvertakeStartBeforeTheEventAndItLeavesAfterTheEarlierOnes(t *testing.T) {
	c := New()
	a := c.Admit(1, 1, true)
	first := c.Close()
	b := c.Admit(2, 0, true)
	second := c.Close()
	if !c.Ready(true) {
		t.Error("a record may not run at once")
	}
	wantRuns(t, c, b)
	wantDone(t, c, b, true)
	wantNoneDue(t, c) // the second event waits for the first one
	c.Arrived(a)
	wantRuns(t, c, a)
	wantDone(t, c, a, true)
	perform(t, c, first)
	perform(t, c, second)
}

func TestRecordsOfAKeyThatOvertakeKeepTheirOrderAcrossEvents(t *testing.T) {
	c := New()
	a := c.Admit(1, 1, true)
	c.Close()
	b := c.Admit(1, 0, true)
	wantRuns(t, c)
	c.Arrived(a)
	wantRuns(t, c, a)
	wantDone(t, c, a, false)
	wantRuns(t, c, b)
}

func TestRecordsThatOvertakeEventsWaitForThoseThatDoNot(t *testing.T) {
	c := New()
	first := c.Admit(1, 1, false)
	event := c.Close()
	early := c.Admit(2, 0, true)
	wantRuns(t, c, early)
	held := c.Admit(3, 0, false)
	behind, free := c.Admit(3, 0, true), c.Admit(4, 0, true)
	if c.Ready(true) {
		t.Error("a record may run at once, and one before it waits for an event")
	}
	wantRuns(t, c)
	c.Arrived(first)
	wantRuns(t, c, first)
	wantDone(t, c, first, true)
	perform(t, c, event)
	wantRuns(t, c, held, free)
	wantDone(t, c, held, false)
	wantRuns(t, c, behind)
	c.Close()
	if !c.Ready(true) || c.Ready(false) {
		t.Error("records do not overtake although none waits for an event")
	}
}

func TestAnEventWaitsForWhatWasDerivedFromIt(t *testing.T) {
	c := New()
	event := c.Close()
	wantDue(t, c, event)
	a, b := c.Derive(1, 0), c.Derive(1, 1)
	c.Settle()
	wantRuns(t, c, a)
	wantDone(t, c, a, false)
	wantNoneLeaves(t, c)
	c.Arrived(b)
	wantRuns(t, c, b)
	again := c.Derive(2, 0) // by a timer that runs
	wantDone(t, c, b, true)
	wantNoneLeaves(t, c)
	wantRuns(t, c, again)
	wantDone(t, c, again, true)
	wantLeave(t, c, event)
}

func TestATimerThatRanInlineAndIsParkedHoldsItsEvent(t *testing.T) {
	c := New()
	event := c.Close()
	wantDue(t, c, event)
	a := c.StartDerived(1)
	b := c.Derive(1, 0)
	c.Settle()
	wantRuns(t, c)
	wantDone(t, c, a, false)
	wantNoneLeaves(t, c)
	wantRuns(t, c, b)
	wantDone(t, c, b, true)
	wantLeave(t, c, event)
}

func TestAnEventIsNotSettledByDerivedRecordsThatHaveEnded(t *testing.T) {
	c := New()
	event := c.Close()
	wantDue(t, c, event)
	a := c.Derive(1, 0)
	wantRuns(t, c, a)
	wantDone(t, c, a, true)
	wantNoneLeaves(t, c)
	c.Settle()
	wantLeave(t, c, event)
}

func TestATimerRunsBeforeLaterRecordsThatHaveNotStarted(t *testing.T) {
	for _, overtake := range []bool{false, true} {
		c := New()
		event := c.Close()
		later := c.Admit(1, 0, overtake) // overtaking, it could start
		wantDue(t, c, event)
		a, b := c.Derive(1, 1), c.Derive(1, 0)
		c.Settle()
		wantRuns(t, c)
		c.Arrived(a)
		wantRuns(t, c, a)
		wantDone(t, c, a, false)
		wantRuns(t, c, b)
		wantDone(t, c, b, false)
		wantLeave(t, c, event)
		wantRuns(t, c, later)
	}
}

func TestATimerWaitsForALaterRecordThatHasStarted(t *testing.T) {
	c := New()
	event := c.Close()
	started, later := c.Admit(1, 0, true), c.Admit(1, 0, true)
	wantRuns(t, c, started)
	wantDue(t, c, event)
	timer := c.Derive(1, 0)
	c.Settle()
	wantRuns(t, c)
	wantDone(t, c, started, false)
	wantRuns(t, c, timer)
	wantDone(t, c, timer, false)
	wantRuns(t, c, later)
	wantLeave(t, c, event)
}

// With a limit of one record, and that one in flight, a timer gets in nevertheless: else its event would never
// leave, and strict the record would never start.
func TestTimersOverdrawALimitOfOne(t *testing.T) {
	c, limit := New(), NewLimit(1)
	event := c.Close()
	record := c.Admit(1, 0, false)
	if !limit.Full(c.InFlight()) {
		t.Fatal("the limit is not reached")
	}
	wantDue(t, c, event)
	for key := range Key(10) {
		c.Derive(key, 0)
	}
	c.Settle()
	wantCounts(t, c, 11, 0, 11)
	for _, id := range runs(c) {
		c.Done(id)
		if !limit.Full(c.InFlight()) {
			t.Fatal("what overdraws does not count for others")
		}
	}
	wantLeave(t, c, event)
	wantRuns(t, c, record)
	wantDone(t, c, record, true)
	if limit.Full(c.InFlight()) {
		t.Error("the limit is reached by nothing")
	}
}

func TestManyTimersOfOneKeyRunInTheirOrder(t *testing.T) {
	c := New()
	event := c.Close()
	var want []ID
	wantDue(t, c, event)
	for range 5000 {
		want = append(want, c.Derive(1, 0))
	}
	c.Settle()
	for i, id := range want {
		wantRuns(t, c, id)
		wantDone(t, c, id, i == len(want)-1)
	}
	wantLeave(t, c, event)
}
