package coordinator

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// closing is a channel that is closed after a time.
func closing(after time.Duration) <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(after, func() { close(c) })
	return c
}

func TestAStopEndsThePauseBeforeARestartAtOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts = 1000
		s.at = failing("recover", always)
		s.Stop = closing(time.Minute) // by now the pauses are half a minute
		begin := time.Now()
		err := s.run(t.Context())
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		said := "stopped before a restart, after: "
		if !errors.Is(err, errBroken) || !errors.Is(err, ErrStopped) || !strings.HasPrefix(err.Error(), said) {
			t.Errorf("the failure is not told: %v", err)
		}
		if s.result.Finished {
			t.Error("a job that was stopped has finished")
		}
	})
}

func TestAJobStoppedInAPauseGoesOnFromItsLastCheckpoint(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := mem.New()
		s := newStory(objects)
		s.Restarts = 1000
		s.at = failing("read", func(n int) error {
			if n >= 15 {
				return errBroken
			}
			return nil
		})
		s.Stop = closing(time.Minute)
		if err := s.run(t.Context()); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		if s.result.LastCheckpoint != 1 {
			t.Errorf("%+v", s.result)
		}
		again := newStory(objects)
		again.rows = 20
		if err := again.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		again.mustTell(t, []string{"resumed from 1", "reading from 10"}, "resumed", "reading")
		if !again.result.Finished {
			t.Errorf("%+v", again.result)
		}
	})
}

func TestAStopAfterTheLastPauseIsAStopAsEver(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.Restarts = 3
		s.at = failing("recover", func(n int) error {
			if n < 2 {
				return errBroken
			}
			return nil
		})
		s.Stop = closing(time.Minute)
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		stored := s.told("stored")
		if len(stored) == 0 || !strings.HasSuffix(stored[len(stored)-1], " stop") {
			t.Errorf("%q", stored)
		}
	})
}

func TestAWriterThatCannotBeClosedFailsAFinishedJobAndIsNotRestarted(t *testing.T) {
	for _, end := range []string{"end", "stop"} {
		bubble.Test(t, func(t *testing.T) {
			s := newStory(mem.New())
			s.Restarts = 5
			s.at = failing("close", always)
			if end == "end" {
				s.rows = 5
			} else {
				s.Stop = closing(2 * time.Second)
			}
			err := s.run(t.Context())
			if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), `sink "Out": close`) {
				t.Errorf("%s: %v", end, err)
			}
			s.mustTell(t, nil, "restarting")
			if s.result.Finished != (end == "end") || s.result.LastCheckpoint == 0 {
				t.Errorf("%s: %+v", end, s.result)
			}
			stored, committed := s.told("stored"), s.told("committed")
			if len(stored) != len(committed) || !strings.HasSuffix(stored[len(stored)-1], end) {
				t.Errorf("%s: stored %q, committed %q", end, stored, committed)
			}
		})
	}
}

func TestACloseThatOnlyNoticesTheEndIsNoFailure(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.rows = 5
		s.at = failing("close", func(int) error { return context.Canceled })
		if err := s.run(t.Context()); err != nil || !s.result.Finished {
			t.Errorf("%v, %+v", err, s.result)
		}
	})
}

func TestAFailureToCloseIsTheLesserErrorOfAFailedJob(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		broken := errors.New("the disk is gone")
		s.at = func(step string) error {
			switch step {
			case "read":
				return broken
			case "close":
				return errBroken
			}
			return nil
		}
		err := s.run(t.Context())
		if !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		if slices.Contains(s.told("stored"), "stored 1 end") || s.result.Finished {
			t.Errorf("%+v", s.result)
		}
	})
}
