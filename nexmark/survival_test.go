package nexmark

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/aqtest"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
)

// eventsOf are the events of a configuration, in the order of one subtask.
func eventsOf(t *testing.T, c nexmark.Config) []nexmark.Event {
	t.Helper()
	source := nexmark.New(c)
	found, err := source.Discover(t.Context(), flow.Known{Parallelism: 1, Has: func(string) bool { return false }, First: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []nexmark.Event
	for _, split := range found.Splits {
		r, err := source.Open(t.Context(), split)
		if err != nil {
			t.Fatal(err)
		}
		for status := flow.More; status != flow.End; {
			b := &flow.Batch[nexmark.Event]{Rows: make([]nexmark.Event, 0, 1000), Times: make([]int64, 0, 1000)}
			if status, err = r.Read(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			all = append(all, b.Rows...)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// script is a source of the events, with a watermark after each hundred.
func script(events []nexmark.Event) (steps []aqtest.Step[nexmark.Event]) {
	for i, e := range events {
		steps = append(steps, aqtest.At(e.Time, e))
		if i%100 == 99 {
			steps = append(steps, aqtest.Watermark[nexmark.Event](e.Time-nexmark.WatermarkDelay.Milliseconds()))
		}
	}
	return steps
}

// filed runs a query over the steps and returns the lines that it leaves in files; of changes what they amount to.
func filed(t *testing.T, query string, steps []aqtest.Step[nexmark.Event], options ...aqtest.Option) []string {
	t.Helper()
	q, err := ByName(query)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	aqtest.Run(t, func(job *aqtest.Job) aquifer.Stream[nexmark.Event] {
		events := aqtest.From(job, "events", steps...)
		q.build(events, NewOutput(dir))
		return aquifer.Filter(events, func(*nexmark.Event) bool { return false })
	}, options...)
	return net(lines(t, dir))
}

// net is what lines amount to that may begin with a kind of change.
func net(lines []string) (all []string) {
	times := map[string]int{}
	for _, line := range lines {
		kind, row, ok := strings.Cut(line, " ")
		switch {
		case ok && strings.HasPrefix(kind, "-"):
			times[row]--
		case ok && strings.HasPrefix(kind, "+"):
			times[row]++
		default:
			times[line]++
		}
	}
	for _, row := range slices.Sorted(maps.Keys(times)) {
		if times[row] != 0 {
			all = append(all, fmt.Sprint(row, " × ", times[row]))
		}
	}
	return all
}

func TestQueriesSurviveCrashesAndRescaling(t *testing.T) {
	const events = 20_000
	steps := script(eventsOf(t, nexmark.Config{Events: events, Seed: 7, Rate: 1000, Group: 1}))
	for _, q := range queries {
		if q.Name == "q12" {
			continue // its windows are by the clock
		}
		t.Run(q.Name, func(t *testing.T) {
			want := filed(t, q.Name, steps)
			if len(want) == 0 {
				t.Fatal("there are no rows")
			}
			got := filed(t, q.Name, steps, aqtest.Parallelism(2), aqtest.Checkpoint(3000), aqtest.Crash(4500),
				aqtest.Rescale(8000, 3), aqtest.Checkpoint(11_000), aqtest.Crash(11_000), aqtest.Rescale(15_000, 1))
			if !slices.Equal(got, want) {
				t.Errorf("%d rows, want %d: %s", len(got), len(want), differing(got, want))
			}
		})
	}
}

// differing is the first row that is in one of two results alone.
func differing(got, want []string) string {
	for _, row := range got {
		if !slices.Contains(want, row) {
			return row + " is too much"
		}
	}
	for _, row := range want {
		if !slices.Contains(got, row) {
			return row + " is missing"
		}
	}
	return "they are the same"
}

func TestBidsAreCountedInWindowsOfTheClock(t *testing.T) {
	bid := func(bidder int64) aqtest.Step[nexmark.Event] {
		return aqtest.At(0, nexmark.Event{Bid: &nexmark.Bid{Bidder: bidder}})
	}
	pause := aqtest.Pause[nexmark.Event]
	// The clock begins at a full ten seconds.
	got := filed(t, "q12", []aqtest.Step[nexmark.Event]{
		bid(1), bid(2), bid(1), pause(4 * time.Second), bid(1), pause(7 * time.Second), bid(1), bid(2), pause(20 * time.Second),
		bid(3),
	})
	if want := "[1|1 × 1 1|3 × 1 2|1 × 2 3|1 × 1]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
