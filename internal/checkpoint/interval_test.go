package checkpoint

import "testing"

// paced is the coordinator of one task with an interval of 1 s and choices about it.
func paced(c Config) *Coordinator {
	c.Interval, c.Timeout, c.Tolerated, c.Retain, c.Tasks = 1000, 60_000, 10, 1, 1
	return NewCoordinator(c, 0, nil, 0)
}

// takes lets a checkpoint begin at a time, be stored at another one, and cost something.
func takes(t *testing.T, c *Coordinator, begin, end int64, cost float64) {
	t.Helper()
	if got := c.Step(Tick{begin - 1}); len(got) > 0 {
		t.Fatalf("at %d: %s", begin-1, show(got))
	}
	got := c.Step(Tick{begin})
	if len(got) != 1 {
		t.Fatalf("at %d: %s", begin, show(got))
	}
	id := got[0].(Begin).Checkpoint
	c.At(end)
	for _, e := range []Event{Ack{id, 0}, Spent{id, cost}, Stored{id}, Committed{id}} {
		for _, a := range c.Step(e) {
			if _, ok := a.(Begin); ok {
				t.Fatalf("one begins at once: %s", show([]Action{a}))
			}
		}
	}
}

func TestCheckpointsThatCostTooMuchComeLessOften(t *testing.T) {
	c := paced(Config{Overhead: 0.03})
	takes(t, c, 1000, 1100, 30)   // 3 % of a second
	takes(t, c, 2000, 2100, 60)   // twice that
	takes(t, c, 4000, 4100, 0)    // half of what is remembered is forgotten after a few
	takes(t, c, 5500, 5600, 0)    // 45 ms
	takes(t, c, 6625, 6700, 1000) // 33.75 ms; what costs more counts at once
	takes(t, c, 6625+33_333, 40_000, 0)
	if got := c.EffectiveInterval(); got != 25_000 {
		t.Errorf("%d ms", got)
	}
}

func TestAFixedIntervalStaysWhateverCheckpointsCost(t *testing.T) {
	c := paced(Config{})
	for at := int64(1000); at < 10_000; at += 1000 {
		takes(t, c, at, at+100, 900)
	}
}

func TestThereIsAPauseAfterACheckpoint(t *testing.T) {
	c := paced(Config{Pause: 700})
	takes(t, c, 1000, 1100, 0)
	takes(t, c, 2000, 2800, 0) // it took long
	takes(t, c, 3500, 3600, 0)
}

func TestThereIsAPauseAfterAFailedCheckpoint(t *testing.T) {
	c := paced(Config{Pause: 700})
	c.Step(Tick{1000})
	c.At(1900)
	if got := show(c.Step(Decline{1, 0, "x"})); got != "abort 1: task 0: x" {
		t.Fatal(got)
	}
	takes(t, c, 2600, 2700, 0)
}

func TestWhoAsksForACheckpointDoesNotWaitForThePause(t *testing.T) {
	c := paced(Config{Pause: 700, Overhead: 0.01})
	takes(t, c, 1000, 1100, 900)
	if got := show(c.Step(Request{1200, ReasonManual, 1})); got != "begin 2 manual" {
		t.Error(got)
	}
	c.Step(Request{1300, ReasonStop, 0})
	c.Step(Ack{2, 0})
	c.Step(Spent{2, 5000})
	if got := show(c.Step(Stored{2})); got != "answer #1: 2, commit 2, begin 3 stop, keep [2]" {
		t.Error(got)
	}
}

func TestTheCostOfAnotherCheckpointDoesNotCount(t *testing.T) {
	c := paced(Config{Overhead: 0.03})
	c.Step(Spent{0, 1e6})
	takes(t, c, 1000, 1100, 1)
	c.Step(Spent{1, 1e6}) // late
	takes(t, c, 2000, 2100, 1)
}
