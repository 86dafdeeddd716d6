package async

import (
	"slices"
	"testing"
)

// runs takes what Next returns until it returns none.
func runs(c *Controller) (ids []ID) {
	for id, ok := c.Next(); ok; id, ok = c.Next() {
		ids = append(ids, id)
	}
	return ids
}

// wantRuns checks which records may start now, in which order.
func wantRuns(t *testing.T, c *Controller, want ...ID) {
	t.Helper()
	if got := runs(c); !slices.Equal(got, want) {
		t.Fatalf("%v start, want %v", got, want)
	}
}

// wantDone ends a record and checks whether its key is free.
func wantDone(t *testing.T, c *Controller, id ID, free bool) {
	t.Helper()
	if got := c.Done(id); got != free {
		t.Fatalf("record %d ends: free is %v", id, got)
	}
}

func wantCounts(t *testing.T, c *Controller, inFlight, parked, queued int) {
	t.Helper()
	if c.InFlight() != inFlight || c.Parked() != parked || c.Queued() != queued {
		t.Fatalf("%d are in flight, %d parked, %d queued; want %d, %d, %d",
			c.InFlight(), c.Parked(), c.Queued(), inFlight, parked, queued)
	}
}

func TestRecordsOfAKeyRunOneAfterTheOther(t *testing.T) {
	c := New()
	a, b, other := c.Admit(1, 0, false), c.Admit(1, 0, false), c.Admit(2, 0, false)
	wantCounts(t, c, 3, 0, 3)
	wantRuns(t, c, a, other)
	wantCounts(t, c, 3, 2, 1)
	wantDone(t, c, other, true)
	wantRuns(t, c)
	wantDone(t, c, a, false)
	wantRuns(t, c, b)
	wantDone(t, c, b, true)
	wantCounts(t, c, 0, 0, 0)
}

func TestARecordWaitsForAllItReads(t *testing.T) {
	c := New()
	a, b := c.Admit(1, 2, false), c.Admit(2, 1, false)
	wantRuns(t, c)
	c.Arrived(b)
	c.Arrived(a)
	wantRuns(t, c, b)
	c.Arrived(a)
	wantRuns(t, c, a)
}

func TestARecordDoesNotOvertakeOneOfItsKeyThatReads(t *testing.T) {
	c := New()
	a, b := c.Admit(1, 1, false), c.Admit(1, 0, false)
	wantRuns(t, c)
	c.Arrived(a)
	wantRuns(t, c, a)
	wantDone(t, c, a, false)
	wantRuns(t, c, b)
}

func TestReadsOfARecordThatWaitsForItsKeyArriveMeanwhile(t *testing.T) {
	c := New()
	a, b := c.Admit(1, 0, false), c.Admit(1, 1, false)
	wantRuns(t, c, a)
	c.Arrived(b)
	wantRuns(t, c)
	wantDone(t, c, a, false)
	wantRuns(t, c, b)
}

func TestOfRecordsThatMayStartTheFirstAdmittedIsFirst(t *testing.T) {
	c := New()
	var ids []ID
	for key := range Key(8) {
		ids = append(ids, c.Admit(key, 1, false))
	}
	for _, i := range []int{5, 2, 7, 0, 3, 6, 1, 4} {
		c.Arrived(ids[i])
	}
	wantRuns(t, c, ids...)
}

func TestARecordThatRanInlineAndIsParkedHoldsItsKey(t *testing.T) {
	c := New()
	if c.Busy(1) || !c.Ready(false) {
		t.Fatal("it may not run at once")
	}
	a := c.Start(1)
	b := c.Admit(1, 0, false)
	if !c.Busy(1) || c.Busy(2) {
		t.Error("the wrong key is busy")
	}
	wantRuns(t, c)
	wantCounts(t, c, 2, 1, 1)
	wantDone(t, c, a, false)
	wantRuns(t, c, b)
}

func TestAnIDIsUsedAgainAfterItsRecordHasEnded(t *testing.T) {
	c := New()
	a, b := c.Admit(1, 0, false), c.Admit(2, 0, false)
	wantRuns(t, c, a, b)
	wantDone(t, c, a, true)
	if again := c.Admit(3, 1, false); again != a {
		t.Errorf("ID %d, and %d is free", again, a)
	}
	if another := c.Admit(4, 1, false); another == a || another == b || another == 0 {
		t.Errorf("ID %d is in use", another)
	}
	wantRuns(t, c)
}

func TestWhatWasUnfinishedAtABarrierIsToldInTheOrderOfItsComing(t *testing.T) {
	c := New()
	running, sameKey := c.Admit(1, 0, false), c.Admit(1, 0, false)
	cold := c.Admit(2, 1, false)
	wantRuns(t, c, running)
	event := c.Close()
	later := c.Admit(3, 0, false)
	// From the barrier on nothing is started any more, and the operator waits for those inside only.
	wantDone(t, c, running, false)
	if c.Parked() != 0 {
		t.Fatalf("%d records are inside", c.Parked())
	}
	var ids []ID
	var events []EventID
	for id, e := range c.Unstarted() {
		ids, events = append(ids, id), append(events, e)
	}
	if !slices.Equal(ids, []ID{sameKey, cold, later}) || !slices.Equal(events, []EventID{event, event, event + 1}) {
		t.Errorf("records %v before the events %v have not started", ids, events)
	}
	for id := range c.Unstarted() {
		if id != sameKey {
			t.Errorf("record %d comes first", id)
		}
		break
	}
}

func TestAllThatIsInFlightEndsWithoutMoreInput(t *testing.T) {
	for _, overtake := range []bool{false, true} {
		c := New()
		for i := range 1000 {
			c.Admit(Key(i%7), 0, overtake)
			if i%10 == 0 {
				c.Close()
			}
		}
		left := 0
		for c.InFlight() > 0 {
			ids := runs(c)
			for _, id := range ids {
				c.Done(id)
			}
			_, due := c.Due()
			if due {
				c.Settle()
				left++
				c.Leave()
			}
			if !due && len(ids) == 0 {
				t.Fatalf("overtaking %v: %d records are stuck", overtake, c.InFlight())
			}
		}
		if !overtake && left != 100 {
			t.Errorf("%d events have left when the last record ends", left)
		}
	}
}

func TestARecordUsesItsKeyInTheOrderOfFirstAccess(t *testing.T) {
	c := New()
	a, b := c.Begin(), c.Begin()
	wantCounts(t, c, 2, 2, 0)
	if !c.Enter(b, 1, 0) {
		t.Fatal("the first to use a key waits")
	}
	if c.Enter(a, 1, 0) {
		t.Fatal("two use a key at once")
	}
	wantRuns(t, c)
	wantDone(t, c, b, false)
	wantRuns(t, c, a)
	wantDone(t, c, a, true)
}

func TestAFirstAccessWaitsForWhatTheRecordReads(t *testing.T) {
	c := New()
	a, b := c.Begin(), c.Begin()
	if c.Enter(a, 1, 2) || c.Enter(b, 1, 0) {
		t.Fatal("one goes on whose reads have not come, or in front of the first")
	}
	c.Arrived(a)
	wantRuns(t, c)
	c.Arrived(a)
	wantRuns(t, c, a)
	wantDone(t, c, a, false)
	wantRuns(t, c, b)
	wantDone(t, c, b, true)
}

func TestARecordThatUsesNoStateFreesNoKey(t *testing.T) {
	c := New()
	a := c.Begin()
	event := c.Close()
	if _, ok := c.Due(); ok {
		t.Fatal("the event does not wait for it")
	}
	wantDone(t, c, a, false)
	if e, ok := c.Due(); !ok || e != event {
		t.Errorf("Due is %d, %v", e, ok)
	}
}

// If it stood behind the record that came after the event, both would wait for ever.
func TestAFirstAccessComesBeforeRecordsOfALaterEpoch(t *testing.T) {
	c := New()
	a, b := c.Start(1), c.Begin()
	c.Close()
	later := c.Admit(1, 0, false)
	if c.Enter(b, 1, 0) {
		t.Fatal("two use a key at once")
	}
	wantDone(t, c, a, false)
	wantRuns(t, c, b)
	wantDone(t, c, b, false)
	wantRuns(t, c)
	perform(t, c, 0)
	wantRuns(t, c, later)
}
