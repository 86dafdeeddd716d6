package coordinator

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// listen has a story's events of some kinds written down by a function; it returns "" for the others.
func listen(s *story, write func(Event) string) func() []string {
	var mu sync.Mutex
	var written []string
	hear := s.OnEvent
	s.OnEvent = func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if line := write(e); line != "" {
			written = append(written, line)
		}
		hear(e)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(written)
	}
}

// breaking makes the n-th read of a story fail.
func breaking(s *story, read int) {
	s.at = failing("read", func(n int) error {
		if n == read {
			return errBroken
		}
		return nil
	})
}

func TestARunTellsWhenItsTasksBeginAndWhenItsSourcesHaveEnded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.rows, s.Restarts = 25, 1
		breaking(s, 15) // after the first checkpoint
		told := listen(s, func(e Event) string {
			switch e := e.(type) {
			case Started:
				if e.Took < 0 || e.Took > time.Minute {
					t.Errorf("%v", e.Took)
				}
				return fmt.Sprintf("attempt %d from %d", e.Attempt, e.Checkpoint)
			case SourcesEnded:
				return "sources ended"
			case Restarting:
				return "restarting"
			case CheckpointStored:
				return fmt.Sprintf("stored %d %s", e.Checkpoint, e.Reason)
			}
			return ""
		})
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"attempt 1 from 0", "stored 1 periodic", "restarting", "attempt 2 from 1", "stored 2 periodic", "sources ended",
			"stored 3 end",
		}
		if got := told(); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A job that cannot come up again still tells of its restarts and of what the store says.
func TestTheNumbersOfTheRunAreToldBetweenAttempts(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.rows, s.Restarts = 25, 4
		breaking(s, 15)
		read := s.at
		s.at = func(step string) error {
			if step == "recover" && len(s.told("restarting")) > 0 {
				return errBroken // each attempt after the first fails before its tasks begin
			}
			return read(step)
		}
		var rows []int64
		var restarts, operators []float64
		told := listen(s, func(e Event) string {
			switch e := e.(type) {
			case Progress:
				rows = append(rows, e.RowsRead)
				restarts = append(restarts, metric.Sum(e.Metrics, metric.Restarts))
				in := metric.Label{Name: "operator", Value: "in"}
				operators = append(operators, metric.Sum(e.Metrics, metric.RowsOut, in))
			case Restarting:
				return fmt.Sprint(restarts[len(restarts)-1])
			}
			return ""
		})
		if err := s.run(t.Context()); err == nil {
			t.Fatal("it has come up")
		}
		if got := told(); !slices.Equal(got, []string{"1", "2", "3", "4"}) {
			t.Errorf("restarts told before each restart: %q", got)
		}
		last := len(rows) - 1
		if rows[last] != rows[last-4] || operators[last] != operators[last-4] || operators[last] == 0 {
			t.Errorf("rows read %v, out of the source %v", rows, operators)
		}
		if got := metric.Sum(s.result.Metrics, metric.Restarts); got != 4 {
			t.Errorf("%g restarts in the result", got)
		}
	})
}

func TestARunWhoseTasksNeverBeganHasNumbersToo(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts = 1
		s.at = failing("discover", func(int) error { return errBroken })
		if err := s.run(t.Context()); err == nil {
			t.Fatal("it ran")
		}
		if got := value(t, s.result.Metrics, metric.Restarts); got != 1 {
			t.Errorf("%g restarts", got)
		}
		if metric.Sum(s.result.Metrics, metric.ObjectRequests) == 0 {
			t.Error("nothing was asked of the store")
		}
	})
}
