package nexmark

import (
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// follow reads until the end, waits when it is told to, and calls each with every event and the time at which it
// came, counted from the first call of follow.
func follow(t *testing.T, r flow.Reader[Event], each func(e Event, at time.Duration)) {
	t.Helper()
	start := time.Now()
	for {
		b := newBatch[Event](64)
		status := read(t, r, b)
		for _, e := range b.Rows {
			each(e, time.Since(start))
		}
		switch status {
		case flow.End:
			return
		case flow.Wait:
			if len(b.Rows) > 0 {
				t.Fatalf("told to wait with %d events", len(b.Rows))
			}
			<-r.Ready()
		}
	}
}

func TestPacedEventsComeWhenTheirTimeHasPassed(t *testing.T) {
	for _, c := range []Config{
		{Events: 500, Rate: 100, Pace: true},
		{Events: 500, Rate: 7, Pace: true},
		{Events: 5000, Rate: 100_000, Pace: true},
	} {
		bubble.Test(t, func(t *testing.T) {
			n := int64(0)
			follow(t, openPart(t, New(c), 0, 1), func(e Event, at time.Duration) {
				if want := time.Duration(e.Time-firstTime) * time.Millisecond; at != want {
					t.Errorf("rate %d: event %d of time %v came after %v", c.Rate, n, want, at)
				}
				n++
			})
			if n != c.Events {
				t.Errorf("rate %d: %d events, want %d", c.Rate, n, c.Events)
			}
		})
	}
}

func TestEventTimeMayPassFasterOrSlowerThanTheClock(t *testing.T) {
	for _, speed := range []float64{0.5, 1, 40} {
		bubble.Test(t, func(t *testing.T) {
			c := Config{Events: 400, Rate: 100, Pace: true, Speed: speed, Begin: time.Now().Add(time.Second)}
			start, n, last := time.Now(), 0, int64(0)
			follow(t, openPart(t, New(c), 0, 1), func(e Event, at time.Duration) {
				want := time.Second + time.Duration(float64(n)*float64(10*time.Millisecond)/speed)
				if due := c.Due(e.Time); at != want || !due.Equal(start.Add(want)) {
					t.Errorf("speed %g: event %d came after %v, want %v; due %v", speed, n, at, want, due)
				}
				n++
				last = e.Time
			})
			if n != 400 || c.Last() != last {
				t.Errorf("%d events, the last at %d, want %d", n, c.Last(), last)
			}
		})
	}
}

// The splits of a job are opened one after the other, and again after a restart.
func TestWhatWasDueBeforeReadingBeginsComesAtOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := Config{Rate: 1000, Pace: true, Begin: time.Now()}
		<-time.After(time.Second)
		b := newBatch[Event](5000)
		if read(t, openPart(t, New(c), 1, 2), b); len(b.Rows) != 500 {
			t.Errorf("%d events of half of them are due after a second, want 500", len(b.Rows))
		}
	})
}

func TestPacedEventsOfAGroupAreNeverEarly(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		c := Config{Events: 300, Rate: 100, Group: 100, Pace: true}
		follow(t, openPart(t, New(c), 0, 1), func(e Event, at time.Duration) {
			if due := time.Duration(e.Time-firstTime) * time.Millisecond; at < due {
				t.Errorf("event of time %v came after %v", due, at)
			}
		})
	})
}

func TestAPacedReaderThatFellBehindCatchesUp(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := openPart(t, New(Config{Rate: 1000, Pace: true}), 0, 1)
		<-time.After(10 * time.Second)
		b := newBatch[Event](20_000)
		if read(t, r, b); len(b.Rows) != 10_001 {
			t.Errorf("%d events are due after 10 s, want 10001", len(b.Rows))
		}
	})
}

// What was read before a restart is not waited for again.
func TestARestoredPacedReaderBeginsAtOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := New(Config{Events: 1_000_100, Rate: 100, Pace: true})
		split := discover(t, s, 1)[0]
		split.Position = []byte("1000000")
		first := time.Duration(-1)
		last := first
		follow(t, open(t, s, split), func(_ Event, at time.Duration) {
			if first < 0 {
				first = at
			}
			last = at
		})
		if first != 0 || last != 990*time.Millisecond {
			t.Errorf("the first event came after %v, the last after %v", first, last)
		}
	})
}

func TestPacedBidsWaitForTheirTimeToo(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := openPart(t, Bids(Config{Events: 50, Rate: 1, Pace: true}), 0, 1)
		b := newBatch[Bid](10)
		if status := read(t, r, b); status != flow.More || len(b.Rows) > 0 {
			t.Fatalf("status %v with %d bids when a person is due", status, len(b.Rows))
		}
		if status := read(t, r, b); status != flow.Wait {
			t.Fatalf("status %v, nothing is due", status)
		}
		start := time.Now()
		for len(b.Rows) == 0 {
			if read(t, r, b) == flow.Wait {
				<-r.Ready()
			}
		}
		if waited := time.Since(start); waited != 4*time.Second {
			t.Errorf("the first bid is event 4, it came after %v", waited)
		}
	})
}

func TestAClosedPacedReaderLeavesNoTimer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := New(Config{Rate: 1, Pace: true})
		r := openPart(t, s, 0, 1)
		b := newBatch[Event](10)
		read(t, r, b)
		if status := read(t, r, b); status != flow.Wait {
			t.Fatalf("status %v, the second event is due in a second", status)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-r.Ready():
			t.Error("the timer fired")
		case <-time.After(time.Minute):
		}
	})
}

func TestAReaderWithoutPaceNeverWaits(t *testing.T) {
	if r := openPart(t, New(Config{Rate: 1}), 0, 1); r.Ready() != nil {
		t.Error("there is a channel to wait for")
	}
}
