package nexmark

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/aquifer-stream/aquifer/flow"
)

// drawConfig draws a small configuration with an end.
func drawConfig(t *rapid.T) Config {
	return Config{
		Events: rapid.Int64Range(1, 700).Draw(t, "events"),
		Rate:   rapid.SampledFrom([]int64{0, 1, 7, 1000, 10_000_000}).Draw(t, "rate"),
		Seed:   rapid.Uint64().Draw(t, "seed"),
		Group:  rapid.SampledFrom([]int64{0, 1, 2, 10, 1000}).Draw(t, "group"),
	}
}

// texts are the canonical texts of events.
func texts(events []Event) []string {
	all := make([]string, len(events))
	for i := range events {
		all[i] = string(events[i].AppendText(nil))
	}
	return all
}

func TestOneEventInFiftyIsAPersonAndThreeAreAuctions(t *testing.T) {
	var people, auctions, bids int
	for _, e := range readAll(t, New(Config{Events: 5000}), 0, 1) {
		switch {
		case e.Person != nil && e.Auction == nil && e.Bid == nil:
			people++
		case e.Person == nil && e.Auction != nil && e.Bid == nil:
			auctions++
		case e.Person == nil && e.Auction == nil && e.Bid != nil:
			bids++
		}
	}
	if people != 100 || auctions != 300 || bids != 4600 {
		t.Errorf("%d people, %d auctions, %d bids", people, auctions, bids)
	}
}

func TestIDsOfPeopleAndAuctionsAreCountedFrom1000(t *testing.T) {
	person, auction := int64(1000), int64(1000)
	for i, e := range readAll(t, New(Config{Events: 2000}), 0, 1) {
		if e.Person != nil {
			if e.Person.ID != person {
				t.Fatalf("event %d: person %d, want %d", i, e.Person.ID, person)
			}
			person++
		}
		if e.Auction != nil {
			if e.Auction.ID != auction {
				t.Fatalf("event %d: auction %d, want %d", i, e.Auction.ID, auction)
			}
			auction++
		}
	}
}

func TestAnEventHasTheTimeOfItsKindAndOfItsRow(t *testing.T) {
	b := newBatch[Event](500)
	read(t, openPart(t, New(Config{Rate: 10}), 0, 1), b)
	for i, e := range b.Rows {
		want := int64(firstTime + i*100)
		var own int64
		switch {
		case e.Person != nil:
			own = e.Person.Time
		case e.Auction != nil:
			own = e.Auction.Time
		default:
			own = e.Bid.Time
		}
		if e.Time != want || own != want || b.Times[i] != want {
			t.Fatalf("event %d: time %d, of its kind %d, of its row %d; want %d", i, e.Time, own, b.Times[i], want)
		}
	}
}

func TestAGroupHasTheEventsOfTheOrderedStreamInAnotherOrder(t *testing.T) {
	const group, groups = 1000, 3
	ordered := texts(readAll(t, New(Config{Events: group * groups}), 0, 1))
	shuffled := texts(readAll(t, New(Config{Events: group * groups, Group: group}), 0, 1))
	if slices.Equal(ordered, shuffled) {
		t.Fatal("nothing was shuffled")
	}
	for g := range groups {
		a, b := ordered[g*group:(g+1)*group], shuffled[g*group:(g+1)*group]
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("group %d has other events", g)
		}
	}
}

func TestNoEventOfAGroupOfFourSecondsIsLate(t *testing.T) {
	latest := int64(0)
	for i, e := range readAll(t, New(Config{Events: 20_000, Rate: 1000, Group: 4000}), 0, 1) {
		if watermark := latest - WatermarkDelay.Milliseconds(); e.Time < watermark {
			t.Fatalf("event %d of time %d comes after watermark %d", i, e.Time, watermark)
		}
		latest = max(latest, e.Time)
	}
}

func TestSeedsGiveOtherEventsAndTheSameSkeleton(t *testing.T) {
	a := readAll(t, New(Config{Events: 200, Seed: 1}), 0, 1)
	b := readAll(t, New(Config{Events: 200, Seed: 2}), 0, 1)
	for i := range a {
		if (a[i].Bid == nil) != (b[i].Bid == nil) || a[i].Time != b[i].Time {
			t.Fatalf("event %d is of another kind or time", i)
		}
		if string(a[i].AppendText(nil)) == string(b[i].AppendText(nil)) {
			t.Fatalf("event %d is the same for both seeds", i)
		}
	}
}

func TestZerosInTheConfigurationAreTheDefaults(t *testing.T) {
	implied := texts(readAll(t, New(Config{Events: 300}), 0, 1))
	explicit := texts(readAll(t, New(Config{Events: 300, Rate: 100_000, Seed: 1, Group: 1}), 0, 1))
	if !slices.Equal(implied, explicit) {
		t.Error("the events differ")
	}
}

func TestBidsAreTheBidsOfAllEvents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawConfig(rt)
		parts := rapid.IntRange(1, 4).Draw(rt, "parts")
		for part := range parts {
			var want []Bid
			for _, e := range readAll(t, New(c), part, parts) {
				if e.Bid != nil {
					want = append(want, *e.Bid)
				}
			}
			if got := readAll(t, Bids(c), part, parts); !slices.Equal(got, want) {
				rt.Fatalf("part %d of %d: %d bids differ from the %d among all events",
					part, parts, len(got), len(want))
			}
		}
	})
}

// Strings share memory, so a mistake would show as a string that changes while others are made.
func TestStringsNeverChange(t *testing.T) {
	t.Run("of events", func(t *testing.T) {
		stringsStay(t, New(Config{}), func(e *Event) string { return string(e.AppendText(nil)) })
	})
	t.Run("of bids", func(t *testing.T) {
		stringsStay(t, Bids(Config{}), func(b *Bid) string { return string(b.AppendText(nil)) })
	})
}

// stringsStay keeps the rows of many batches and compares their texts with those they had at first.
func stringsStay[T any](t *testing.T, s flow.Source[T], text func(*T) string) {
	t.Helper()
	r := openPart(t, s, 0, 1)
	var rows []T
	var then []string
	for range 10 { // more than one arena, more than one slab
		b := newBatch[T](500)
		read(t, r, b)
		rows = append(rows, b.Rows...)
		for i := range b.Rows {
			then = append(then, text(&b.Rows[i]))
		}
	}
	for i := range rows {
		if now := text(&rows[i]); now != then[i] {
			t.Fatalf("row %d has changed\nfrom %s\n  to %s", i, then[i], now)
		}
	}
}

func TestMemoryIsAllocatedForManyEventsAtOnce(t *testing.T) {
	const rows = 1024
	b := newBatch[Event](rows)
	r := openPart(t, New(Config{}), 0, 1)
	if n := testing.AllocsPerRun(50, func() {
		read(t, r, b)
		b.Reset()
	}); n > rows/64 {
		t.Errorf("%v allocations for %d events", n, rows)
	}
}
