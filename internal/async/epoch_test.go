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
	for _, relaxed := range []bool{false, true} {
		c := New(relaxed)
		a, b := c.Admit(1, 0), c.Admit(2, 0)
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
	c := New(false)
	for event := range EventID(3) {
		if e := c.Close(); e != event {
			t.Fatalf("event %d is called %d", event, e)
		}
		perform(t, c, event)
	}
	wantNoneDue(t, c)
}

func TestStrictRecordsDoNotStartBeforeTheEventBeforeThemHasLeft(t *testing.T) {
	c := New(false)
	a := c.Admit(1, 0)
	event := c.Close()
	b, d := c.Admit(2, 0), c.Admit(1, 1)
	if c.Ready() {
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
	if !c.Ready() {
		t.Error("no event waits, and a record may not run at once")
	}
}

func TestRelaxedRecordsStartBeforeTheEventAndItLeavesAfterTheEarlierOnes(t *testing.T) {
	c := New(true)
	a := c.Admit(1, 1)
	first := c.Close()
	b := c.Admit(2, 0)
	second := c.Close()
	if !c.Ready() {
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

func TestRelaxedRecordsOfAKeyKeepTheirOrderAcrossEvents(t *testing.T) {
	c := New(true)
	a := c.Admit(1, 1)
	c.Close()
	b := c.Admit(1, 0)
	wantRuns(t, c)
	c.Arrived(a)
	wantRuns(t, c, a)
	wantDone(t, c, a, false)
	wantRuns(t, c, b)
}

func TestAnEventWaitsForWhatWasDerivedFromIt(t *testing.T) {
	c := New(false)
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
	c := New(true)
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
	c := New(false)
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
	for _, relaxed := range []bool{false, true} {
		c := New(relaxed)
		event := c.Close()
		later := c.Admit(1, 0) // relaxed: it could start
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
	c := New(true)
	event := c.Close()
	started, later := c.Admit(1, 0), c.Admit(1, 0)
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
	c, limit := New(false), NewLimit(1)
	event := c.Close()
	record := c.Admit(1, 0)
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
	for _, relaxed := range []bool{false, true} {
		c := New(relaxed)
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
}
