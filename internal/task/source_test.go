package task

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
)

// script is a source that says, step by step, what it is told to, and waits when it has been told nothing.
type script struct {
	step
	says  chan flow.Status
	ready chan struct{}
	count int
}

func (s *script) Step() (flow.Status, error) {
	s.count++
	status := flow.Wait
	select {
	case status = <-s.says:
	default:
	}
	return status, s.do("step %d", s.count)
}

func (s *script) Ready() []<-chan struct{} { return []<-chan struct{}{s.ready} }
func (s *script) Stop()                    { _ = s.do("stop") }

// beginSource runs a task that reads a script of what its steps say.
func beginSource(t *testing.T, change func(w *world, c *Config), says ...flow.Status) (*world, *script) {
	s := &script{says: make(chan flow.Status, 100), ready: make(chan struct{}, 1)}
	for _, status := range says {
		s.says <- status
	}
	w := begin(t, 0, func(w *world, c *Config) {
		s.step = step{w, "a"}
		c.Gate, c.Head, c.Deliver = nil, nil, nil
		c.Source = s
		c.Steps[0].Operator = s
		if change != nil {
			change(w, c)
		}
	})
	return w, s
}

func TestASourceIsReadUntilItHasToWait(t *testing.T) {
	story(t, func(t *testing.T) {
		w, s := beginSource(t, nil, flow.More, flow.More)
		w.expect(t, "open b", "open a", "step 1", "step 2", "step 3")
		s.says <- flow.More
		s.ready <- struct{}{}
		w.expect(t, "step 4", "step 5")
		w.Wake()
		w.expect(t, "step 6")
		pass(time.Hour)
		w.expect(t)
		if idle := time.Duration(w.Times.Idle.Load()); idle != 0 {
			t.Errorf("the task was idle for %v before it was needed again", idle)
		}
		w.Wake()
		w.expect(t, "step 7")
		if idle := time.Duration(w.Times.Idle.Load()); idle != time.Hour {
			t.Errorf("the task was idle for %v", idle)
		}
	})
}

func TestAWakeBeforeTheTaskWaitsIsNotLost(t *testing.T) {
	story(t, func(t *testing.T) {
		w, s := beginSource(t, func(w *world, _ *Config) {
			w.faults["step 1"] = func() error {
				for range 3 {
					w.Wake() // several are one
				}
				return nil
			}
		})
		w.expect(t, "open b", "open a", "step 1", "step 2")
		if s.count != 2 {
			t.Errorf("%d steps", s.count)
		}
	})
}

func TestABarrierComesBetweenTwoSteps(t *testing.T) {
	story(t, func(t *testing.T) {
		w, _ := beginSource(t, func(w *world, _ *Config) {
			w.faults["step 2"] = func() error {
				w.Trigger(channel.Barrier{Checkpoint: 1})
				w.Trigger(channel.Barrier{Checkpoint: 2})
				return nil
			}
		}, flow.More, flow.More)
		w.expect(t, "open b", "open a", "step 1", "step 2",
			"snapshot a 1", "snapshot b 1", "out 1 false", "report 1 of task 7: a10 b10",
			"snapshot a 2", "snapshot b 2", "out 2 false", "report 2 of task 7: a20 b20", "step 3")
	})
}

func TestAWaitingSourceEmitsBarriers(t *testing.T) {
	story(t, func(t *testing.T) {
		w, _ := beginSource(t, nil)
		w.opened()
		w.Trigger(channel.Barrier{Checkpoint: 1})
		w.expect(t, "snapshot a 1", "snapshot b 1", "out 1 false", "report 1 of task 7: a10 b10", "step 2")
	})
}

func TestTheEndOfASourceIsReportedOnceAndBarriersGoOn(t *testing.T) {
	story(t, func(t *testing.T) {
		w, s := beginSource(t, nil, flow.More, flow.End, flow.End, flow.End)
		w.expect(t, "open b", "open a", "step 1", "step 2", "source of task 7 ended")
		s.ready <- struct{}{}
		w.expect(t)
		w.Wake()
		w.expect(t, "step 3")
		w.Trigger(channel.Barrier{Checkpoint: 1, Last: true})
		w.expect(t, "stop", "snapshot a 1", "snapshot b 1", "out 1 true", "report 1 of task 7: a10 b10", "step 4")
	})
}

// What a stopped source has left is for the job's next run: this one must not take it for finished.
func TestAStoppedSourceHasNotEnded(t *testing.T) {
	story(t, func(t *testing.T) {
		w, s := beginSource(t, nil)
		w.opened()
		s.says <- flow.End
		w.Trigger(channel.Barrier{Checkpoint: 1, Last: true})
		w.expect(t, "stop", "snapshot a 1", "snapshot b 1", "out 1 true", "report 1 of task 7: a10 b10", "step 2")
		s.says <- flow.End
		w.Trigger(channel.Barrier{Checkpoint: 2, Last: true})
		w.expect(t, "stop", "snapshot a 2", "snapshot b 2", "out 2 true", "report 2 of task 7: a20 b20", "step 3")
	})
}

func TestABusySourceIsTickedAndEndsWithItsContext(t *testing.T) {
	story(t, func(t *testing.T) {
		over := errors.New("over")
		w, _ := beginSource(t, func(w *world, c *Config) {
			c.Outputs = append(c.Outputs, w.clock("quick", 2*time.Second, 9))
			for i := range 4 {
				w.faults[fmt.Sprint("step ", i+1)] = func() error {
					<-time.After(time.Second)
					if i == 3 {
						w.cancel(over)
					}
					return nil
				}
			}
		}, flow.More, flow.More, flow.More, flow.More, flow.More)
		if err := <-w.ended; !errors.Is(err, over) {
			t.Errorf("the task ended with %v", err)
		}
		w.expect(t, "open b", "open a", "step 1", "step 2", "tick quick at 2s", "step 3", "step 4",
			"tick quick at 4s", "close b", "close a")
	})
}

func TestAWaitingSourceIsTickedAndEndsWithItsContext(t *testing.T) {
	story(t, func(t *testing.T) {
		over := errors.New("over")
		w, _ := beginSource(t, func(w *world, c *Config) {
			c.Outputs = append(c.Outputs, w.clock("quick", 2*time.Second, 1))
		})
		w.opened()
		pass(time.Minute)
		w.expect(t, "step 2", "tick quick at 2s")
		w.cancel(over)
		if err := <-w.ended; !errors.Is(err, over) {
			t.Errorf("the task ended with %v", err)
		}
		w.expect(t, "close b", "close a")
	})
}

func TestAFailureOfASourceEndsTheTask(t *testing.T) {
	broken := errors.New("broken")
	for _, at := range []string{"step 1", "step 2", "tick quick at 1s", "snapshot a 1", "out 1 false"} {
		t.Run(at, func(t *testing.T) {
			story(t, func(t *testing.T) {
				w, _ := beginSource(t, func(w *world, c *Config) {
					c.Outputs = append(c.Outputs, w.clock("quick", time.Second, 1))
					w.faults[at] = func() error { return broken }
				}, flow.More)
				pass(time.Second)
				w.Trigger(channel.Barrier{Checkpoint: 1})
				if err := <-w.ended; !errors.Is(err, broken) {
					t.Errorf("the task ended with %v", err)
				}
				did := w.take()
				if n := len(did); n < 2 || did[n-2] != "close b" || did[n-1] != "close a" {
					t.Errorf("the task did %q", did)
				}
			})
		})
	}
}

func TestThereIsRoomForAFewBarriersOnly(t *testing.T) {
	task := New(Config{})
	asked := 0
	for task.Room() {
		if !task.Trigger(channel.Barrier{Checkpoint: uint64(asked)}) {
			t.Fatal("there was room, but not for a barrier")
		}
		asked++
	}
	if asked == 0 || task.Trigger(channel.Barrier{}) {
		t.Errorf("%d barriers, and one more where there was no room", asked)
	}
}
