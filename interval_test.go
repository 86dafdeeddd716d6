package aquifer

import (
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// costly runs a job for a while whose checkpoints take a time of its tasks, and returns how many there were.
func costly(t *testing.T, o RunOptions, each, run time.Duration) (stored []CheckpointStored, result Result) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		time.AfterFunc(run, func() { close(stop) })
		sink := newCollected[int64]()
		sink.fault = func(step string) error {
			if step == "prepare" {
				<-time.After(each)
			}
			return nil
		}
		job := NewJob("costly")
		To(From(job, "numbers", numbers{end: 1, splits: 1, batch: 1, gate: func(int64) error { return errRests }}), "out", sink)
		o.Parallelism, o.Stop, o.objects = 1, stop, mem.New()
		o.OnEvent = func(e Event) {
			if s, ok := e.(CheckpointStored); ok {
				stored = append(stored, s)
			}
		}
		var err error
		if result, err = job.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	})
	return stored, result
}

func TestAJobChoosesTheTimeBetweenCheckpointsByWhatTheyCost(t *testing.T) {
	for _, c := range []struct {
		o    RunOptions
		each time.Duration
		want int // in 100 seconds, with the last one
	}{
		{RunOptions{CheckpointInterval: AutoInterval}, time.Millisecond, 100},
		{RunOptions{CheckpointInterval: AutoInterval}, 300 * time.Millisecond, 1 + 9 + 1}, // one after a second, every 10 s then
		{RunOptions{CheckpointInterval: AutoInterval, CheckpointOverhead: 0.1}, 300 * time.Millisecond, 1 + 32 + 1},
		{RunOptions{CheckpointInterval: time.Second}, 300 * time.Millisecond, 100},
		{RunOptions{CheckpointInterval: time.Second, CheckpointPause: 1700 * time.Millisecond}, 300 * time.Millisecond, 1 + 49 + 1},
	} {
		stored, result := costly(t, c.o, c.each, 100*time.Second)
		if n := len(stored); n < c.want-1 || n > c.want+1 {
			t.Errorf("%v, each costs %v: %d checkpoints, want %d", c.o, c.each, n, c.want)
		}
		for _, s := range stored {
			if s.Cost < c.each || s.Cost > c.each+time.Millisecond {
				t.Errorf("checkpoint %d cost %v, want %v", s.Checkpoint, s.Cost, c.each)
			}
		}
		var seconds float64
		for _, s := range result.Metrics {
			if s.Name == metric.CheckpointCost {
				seconds = s.Value
			}
		}
		if want := c.each.Seconds() * float64(len(stored)); seconds < want*0.98 || seconds > want*1.02 {
			t.Errorf("%v s are counted, want %v", seconds, want)
		}
	}
}

func TestTheIntervalCanBeLeftToTheJobOnTheCommandLine(t *testing.T) {
	for text, want := range map[string]time.Duration{"auto": AutoInterval, "3s": 3 * time.Second, "-1s": -time.Second} {
		var o RunOptions
		f := pflag.NewFlagSet("x", pflag.ContinueOnError)
		o.AddFlags(f)
		if err := f.Parse([]string{"--checkpoint-interval", text}); err != nil || o.CheckpointInterval != want {
			t.Errorf("%s: %v, %v", text, o.CheckpointInterval, err)
		}
		if got := f.Lookup("checkpoint-interval").Value.String(); got != text {
			t.Errorf("%s is shown as %s", text, got)
		}
		if err := f.Parse([]string{"--checkpoint-interval", "often"}); err == nil {
			t.Error("a word was taken for an interval")
		}
	}
}

func TestAnOverheadIsAShare(t *testing.T) {
	for _, share := range []float64{-0.1, 1, 3} {
		_, err := NewJob("x").Run(t.Context(), RunOptions{CheckpointOverhead: share})
		wantError(t, err, "between 0 and 1")
	}
}
