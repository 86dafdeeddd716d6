package async

import "testing"

// fill lets records in until the limit is reached, on top of those in flight.
func fill(l *Limit, inFlight int) int {
	for !l.Full(inFlight) {
		inFlight++
	}
	return inFlight
}

func wantBound(t *testing.T, l *Limit, want int) {
	t.Helper()
	if l.Bound() != want || fill(l, 0) != want {
		t.Fatalf("the bound is %d, and %d get in; want %d", l.Bound(), fill(l, 0), want)
	}
}

func TestALimitGrowsWhileItIsReachedAndRecordsRead(t *testing.T) {
	l := NewLimit(0, 0)
	for want := 1024; want < 65536; want *= 2 {
		wantBound(t, l, want)
		l.Observe(1, false)
	}
	wantBound(t, l, 65536)
	l.Observe(1, false)
	wantBound(t, l, 65536)
}

func TestALimitStaysWhileItIsNotReached(t *testing.T) {
	l := NewLimit(0, 0)
	l.Full(1023)
	l.Observe(1000, false)
	wantBound(t, l, 1024)
	l.Observe(1, false) // which wantBound has reached
	l.Observe(1, false)
	wantBound(t, l, 2048)
}

func TestALimitStaysWhenNobodyReads(t *testing.T) {
	l := NewLimit(0, 0)
	fill(l, 0)
	l.Observe(0, false)
	wantBound(t, l, 1024)
}

func TestALimitShrinksWhenMemoryIsShortAndGrowsAgain(t *testing.T) {
	l := NewLimit(0, 0)
	for want := 512; want >= 1; want /= 2 {
		fill(l, 0)
		l.Observe(100, true)
		wantBound(t, l, want)
	}
	l.Observe(100, true)
	wantBound(t, l, 1)
	l.Observe(1, false)
	wantBound(t, l, 2)
}

func TestALimitOfTheUserStays(t *testing.T) {
	for _, records := range []int{1, 2, 7, 100_000} {
		l := NewLimit(records, 0)
		wantBound(t, l, records)
		l.Observe(records, false)
		wantBound(t, l, records)
		l.Observe(records, true)
		wantBound(t, l, records)
	}
}

func TestBytesInFlightAreBoundedAndOneRecordAlwaysPasses(t *testing.T) {
	l := NewLimit(0, 100)
	l.Add(60)
	if l.Full(1) {
		t.Error("60 of 100 bytes are full")
	}
	l.Add(50)
	if !l.Full(2) || l.Bytes() != 110 {
		t.Errorf("%d of 100 bytes are not full", l.Bytes())
	}
	l.Observe(2, false)
	if l.Bound() != 1024 {
		t.Errorf("bytes made the bound of records %d", l.Bound())
	}
	l.Add(-60)
	if l.Full(1) {
		t.Error("50 of 100 bytes are full")
	}
	l.Add(-50)
	l.Add(1000) // of a record that is larger, before it is let in
	if l.Full(0) {
		t.Error("a record larger than all bytes never gets in")
	}
}
