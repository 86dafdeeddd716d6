package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/worker"
)

func TestARunTellsOfItsFailuresAndHowLongEachKeptItDown(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts, s.rows = 3, 40
		began := time.Now()
		s.at = failing("read", func(n int) error {
			if n == 5 || n == 30 {
				return fmt.Errorf("%w at %d", errBroken, n)
			}
			return nil
		})
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, f := range s.result.Failures {
			told = append(told, fmt.Sprintf("%v %s/%d %v %d %q",
				f.At.Sub(began), f.Operator, f.Subtask, f.Down, f.Checkpoint, f.Message))
		}
		want := []string{
			`450ms in/0 100ms 0 "source \"In\", split split: broken at 5"`,
			`3s in/0 200ms 2 "source \"In\", split split: broken at 30"`,
		}
		if !slices.Equal(told, want) {
			t.Errorf("%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestTheFailureThatEndsARunIsTheLastAndDoesNotSayThatItWentOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts = 1
		s.at = failing("recover", always) // before tasks run: of no operator's task
		if err := s.run(t.Context()); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		if len(s.result.Failures) != 2 {
			t.Fatalf("%+v", s.result.Failures)
		}
		for _, f := range s.result.Failures {
			if f.Down != 0 || f.Operator != "" || f.Message != `sink "Out": broken` {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestTimeDownSpansFailuresInARow(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts, s.rows = 5, 5
		s.at = failing("recover", func(n int) error {
			if n <= 3 {
				return errBroken
			}
			return nil
		})
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, want := range []time.Duration{700, 600, 400} { // pauses of 100, 200 and 400 ms
			if got := s.result.Failures[i].Down; got != want*time.Millisecond {
				t.Errorf("failure %d: down for %v", i, got)
			}
		}
	})
}

func TestAStoppedOrCancelledRunHasNotFailed(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		stop := make(chan struct{})
		time.AfterFunc(time.Second*3/2, func() { close(stop) })
		s.Stop = stop
		if err := s.run(t.Context()); err != nil || len(s.result.Failures) > 0 {
			t.Errorf("%v, %+v", err, s.result.Failures)
		}
	})
}

func TestOnlyTheLastFailuresAreRemembered(t *testing.T) {
	r := &run{}
	for i := range 40 {
		r.failed(fmt.Errorf("failure %d", i), nil)
	}
	all := r.result.Failures
	if len(all) != mostFailures || all[0].Message != "failure 24" || all[mostFailures-1].Message != "failure 39" {
		t.Errorf("%+v", all)
	}
}

func TestAFailureOfUserCodeSaysWhoseItIs(t *testing.T) {
	r := &run{}
	user := &operator.UserError{
		UID: "count", Operator: "Count", Subtask: 3, Key: strings.Repeat("k", 1000), Stack: []byte("stack"),
		Err: errors.New(strings.Repeat("m", 9000)),
	}
	r.failed(fmt.Errorf("more: %w", errors.Join(&worker.TaskError{UID: "in", Subtask: 1, Err: user})), nil)
	r.failed(&worker.TaskError{UID: "in", Subtask: 1, Task: "in (2/3)", Err: errBroken}, nil)
	f, g := r.result.Failures[0], r.result.Failures[1]
	if f.Operator != "count" || f.Subtask != 3 || !strings.HasPrefix(f.Key, "kkk") || len(f.Key) > longestKey+5 {
		t.Errorf("%+v", f)
	}
	if !strings.HasPrefix(f.Message, "mmm") || len(f.Message) > longestMessage+5 || strings.Contains(f.Message, "stack") {
		t.Errorf("%+v", f)
	}
	if g.Operator != "in" || g.Subtask != 1 || g.Key != "" || g.Task != "in (2/3)" || g.Message != "broken" {
		t.Errorf("%+v", g)
	}
}

func TestAFixedDelayIsThePauseBeforeEachRestart(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts, s.RestartDelay = 3, 7*time.Second
		s.at = failing("recover", always)
		if err := s.run(t.Context()); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		s.mustTell(t, slices.Repeat([]string{"restarting after 7s"}, 3), "restarting")
	})
}
