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

// trial is a limit of which so many records end between two observations as it lets in.
type trial struct {
	*Limit
	ended uint64
}

func (l *trial) after(reading int) { l.saw(Seen{Reading: reading}) }

func (l *trial) saw(s Seen) {
	l.ended += uint64(l.Bound())
	s.Ended = l.ended
	l.Observe(s)
}

func TestALimitGrowsWhileItIsReachedAndRecordsRead(t *testing.T) {
	l := trial{Limit: NewLimit(0)}
	for want := 1024; want < 65536; want *= 2 {
		wantBound(t, l.Limit, want)
		l.after(1)
	}
	wantBound(t, l.Limit, 65536)
	l.after(1)
	wantBound(t, l.Limit, 65536)
}

func TestALimitStaysWhileItIsNotReached(t *testing.T) {
	l := trial{Limit: NewLimit(0)}
	l.Full(1023)
	l.after(1000)
	wantBound(t, l.Limit, 1024)
	l.after(1) // which wantBound has reached
	l.after(1)
	wantBound(t, l.Limit, 2048)
}

func TestALimitStaysWhenNobodyReads(t *testing.T) {
	l := trial{Limit: NewLimit(0)}
	fill(l.Limit, 0)
	l.after(0)
	wantBound(t, l.Limit, 1024)
}

func TestALimitGrowsOnceForAllThatItLetsIn(t *testing.T) {
	l := NewLimit(0)
	for ended := range uint64(1024) {
		fill(l, 0)
		l.Observe(Seen{Ended: ended, Reading: 1})
		wantBound(t, l, 1024)
	}
	l.Observe(Seen{Ended: 1024, Reading: 1})
	wantBound(t, l, 2048)
}

// Batches whose reads come back together leave together: whenever as many have ended as are let in, nothing is being
// read. What counts is that records read when the limit kept others out.
func TestALimitGrowsAlsoWhereAllThatItLetsInEndsAtOnce(t *testing.T) {
	l := trial{Limit: NewLimit(0)}
	for want := 1024; want < 65536; want *= 2 {
		wantBound(t, l.Limit, want)
		l.Observe(Seen{Ended: l.ended, Reading: want})
		l.after(0)
	}
	wantBound(t, l.Limit, 65536)
}

func TestALimitStaysIfRecordsReadOnlyBeforeItWasReached(t *testing.T) {
	l := trial{Limit: NewLimit(0)}
	l.Observe(Seen{Ended: l.ended, Reading: 5})
	fill(l.Limit, 0)
	l.after(0)
	wantBound(t, l.Limit, 1024)
}

func TestLimitsThatShareAProcessBeginWithLess(t *testing.T) {
	for sharers, want := range map[int64]int{0: 1024, 1: 1024, 2: 1024, 4: 512, 32: 64, 1000: 64} {
		l := NewLimit(0)
		l.Observe(Seen{Sharers: sharers})
		wantBound(t, l, want)
	}
}

func TestALimitDoesNotGrowWhereReadsQueueUpAndGoesBackIfTheyGoOn(t *testing.T) {
	l := trial{Limit: NewLimit(0)}
	for range 3 {
		fill(l.Limit, 0)
		l.after(1)
	}
	wantBound(t, l.Limit, 8192)
	crowded := Seen{Reading: 1, Crowded: true}
	for i, want := range []int{8192, 4096, 2048, 1024, 1024} { // once may be by chance
		l.saw(crowded)
		if l.Bound() != want {
			t.Fatalf("the bound is %d after reads have queued up for %d times, want %d", l.Bound(), i+1, want)
		}
	}
	fill(l.Limit, 0)
	l.after(1)
	wantBound(t, l.Limit, 2048)
}

func TestALimitOfTheUserStays(t *testing.T) {
	for _, records := range []int{1, 2, 7, 100_000} {
		l := trial{Limit: NewLimit(records)}
		wantBound(t, l.Limit, records)
		l.after(records)
		wantBound(t, l.Limit, records)
	}
}

func TestBytesInFlightAreBoundedAndOneRecordAlwaysPasses(t *testing.T) {
	for _, records := range []int{0, 100} {
		l := NewLimit(records)
		l.Add(60)
		if l.Full(1) {
			t.Error("bytes without a bound are full")
		}
		l.Observe(Seen{MaxBytes: 100})
		if l.Full(1) {
			t.Error("60 of 100 bytes are full")
		}
		l.Add(50)
		if !l.Full(2) || l.Bytes() != 110 {
			t.Errorf("%d of 100 bytes are not full", l.Bytes())
		}
		bound := l.Bound()
		l.Observe(Seen{Ended: 1 << 20, Reading: 2, MaxBytes: 100})
		if l.Bound() != bound {
			t.Errorf("bytes made the bound of records %d", l.Bound())
		}
		l.Add(-60)
		if l.Full(1) {
			t.Error("50 of 100 bytes are full")
		}
		l.Observe(Seen{MaxBytes: 50})
		if !l.Full(1) {
			t.Error("50 of 50 bytes are not full")
		}
		l.Add(1000) // of a record that is larger, before it is let in
		if l.Full(0) {
			t.Error("a record larger than all bytes never gets in")
		}
	}
}
