package nexmark

import (
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// timedRun runs a query by the clock, which is virtual, and returns what was timed.
func timedRun(t *testing.T, query string, c nexmark.Config) (l *Latency) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		q, err := ByName(query)
		if err != nil {
			t.Fatal(err)
		}
		c.Begin = time.Now().Add(time.Second)
		out := NewOutput("discard")
		out.Time(c)
		job := aquifer.NewJob("timed")
		q.Build(job, c, out)
		if _, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 2}); err != nil {
			t.Fatal(err)
		}
		l = out.Latency()
	})
	return l
}

// Virtual time passes only when everything waits: for the next event, or for a batch to fill, at most ten milliseconds.
func TestARowOfABidTakesNoLongerThanItsBatch(t *testing.T) {
	l := timedRun(t, "q0", nexmark.Config{Events: 10_000, Rate: 1000, Pace: true})
	// Bids of the first six seconds: of 50 events, 46.
	if l == nil || l.Rows < 5515 || l.Rows > 5525 || l.P50MS > l.P99MS || l.P99MS > l.MaxMS || l.MaxMS > 11 {
		t.Errorf("%+v", l)
	}
}

func TestARowOfAWindowWaitsForTheDisorderAtTheSpeedOfEventTime(t *testing.T) {
	for speed, want := range map[float64]float64{1: 4000, 8: 500} {
		l := timedRun(t, "q5", nexmark.Config{Events: 30_000, Rate: 1000, Pace: true, Speed: speed})
		if l == nil || l.Rows < 11 || l.P50MS < want || l.MaxMS > want+100 {
			t.Errorf("speed %g: %+v", speed, l)
		}
	}
}

func TestNothingIsTimedUnlessItIsAskedFor(t *testing.T) {
	if l := NewOutput("discard").Latency(); l != nil {
		t.Errorf("%+v", l)
	}
	if l := timedRun(t, "q0", nexmark.Config{Events: 100, Rate: 1000, Pace: true}); l != nil {
		t.Errorf("an input shorter than the disorder: %+v", l)
	}
}

func TestRowsWithoutATimeAreNotTimed(t *testing.T) {
	out := NewOutput("discard")
	out.Time(nexmark.Config{Events: 1_000_000, Pace: true, Begin: time.Now()})
	w, err := clocked[int64]{discard.New[int64](), out.clock}.Open(t.Context(), flow.SinkSubtask{})
	if err != nil {
		t.Fatal(err)
	}
	b := &flow.Batch[int64]{}
	b.Append(1, flow.NoTime)
	b.Append(2, flow.EndOfTime)
	b.Append(3, 1_436_918_400_000)
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if l := out.Latency(); l == nil || l.Rows != 1 {
		t.Errorf("%+v", l)
	}
}
