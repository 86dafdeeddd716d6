package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// world is a task whose operators write down what is done to them, and fail where they are told to.
type world struct {
	*Task
	mu     sync.Mutex
	trail  []string
	faults map[string]func() error // by what is done
	gate   *channel.Gate
	cancel context.CancelCauseFunc
	ended  chan error
}

func (w *world) do(format string, args ...any) error {
	entry := fmt.Sprintf(format, args...)
	w.mu.Lock()
	w.trail = append(w.trail, entry)
	w.mu.Unlock()
	if f := w.faults[entry]; f != nil {
		return f()
	}
	return nil
}

func (w *world) Snapshot(task int, checkpoint uint64, parts []Part) {
	var uids []string
	for _, p := range parts {
		uids = append(uids, fmt.Sprint(p.UID, p.Watermark))
	}
	_ = w.do("report %d of task %d: %s", checkpoint, task, strings.Join(uids, " "))
}

func (w *world) SourceEnded(task int) { _ = w.do("source of task %d ended", task) }

// step is an operator; the head of a task is one too.
type step struct {
	*world
	name string
}

func (s *step) Open() error  { return s.do("open %s", s.name) }
func (s *step) Close() error { return s.do("close %s", s.name) }
func (s *step) Snapshot(checkpoint uint64) (operator.Snapshot, error) {
	err := s.do("snapshot %s %d", s.name, checkpoint)
	return operator.Snapshot{Watermark: int64(checkpoint) * 10}, err
}
func (s *step) Watermark(t int64) error { return s.do("w%d", t) }
func (s *step) Idle(idle bool) error    { return s.do("idle %v", idle) }

// out is the end of a chain.
type out struct{ step }

func (o *out) Barrier(b channel.Barrier) error { return o.do("out %d %v", b.Checkpoint, b.Last) }
func (o *out) Due() time.Time                  { return time.Time{} }
func (o *out) Tick(time.Time) error            { return nil }

// clock is an operator or output with work that falls due, every so often for a number of times.
type clock struct {
	out
	every time.Duration
	left  int
	begin time.Time
	due   time.Time
}

func (w *world) clock(name string, every time.Duration, times int) *clock {
	now := time.Now()
	return &clock{out{step{w, name}}, every, times, now, now.Add(every)}
}

func (c *clock) Due() time.Time {
	if c.left == 0 {
		return time.Time{}
	}
	return c.due
}

func (c *clock) Tick(now time.Time) error {
	c.left--
	c.due = now.Add(c.every)
	return c.do("tick %s at %v", c.name, now.Sub(c.begin))
}

// begin runs a task of the operators a and b and one output, on a gate with the given number of channels,
// until the test ends. It must be called in a bubble.
func begin(t *testing.T, channels int, change func(w *world, c *Config)) *world {
	w := &world{
		faults: map[string]func() error{}, gate: channel.NewGate(make([]channel.Origin, channels), 8, channel.Rows{}), ended: make(chan error, 1),
	}
	head := &step{w, "a"}
	c := Config{
		ID: 7, Name: "the task", Gate: w.gate, Head: head,
		Deliver: func(_ int, batch any) error { return w.do("batch %v", batch) },
		Steps:   []Step{{"a", head}, {"b", &step{w, "b"}}}, Outputs: []operator.Output{&out{step{w, "out"}}},
		Report: w, Times: &Times{},
	}
	if change != nil {
		change(w, &c)
	}
	w.Task = New(c)
	ctx, cancel := context.WithCancelCause(t.Context())
	w.cancel = cancel
	go func() { w.ended <- w.Run(ctx) }()
	t.Cleanup(func() { cancel(nil) })
	return w
}

func (w *world) send(to int, messages ...channel.Message) {
	for _, m := range messages {
		w.gate.Sender(to).TrySend(m)
	}
}

func batch(name string) channel.Message { return channel.Message{Batch: name, Watermark: flow.NoTime} }
func watermark(t int64) channel.Message { return channel.Message{Watermark: t} }
func barrier(id uint64) channel.Message {
	return channel.Message{Watermark: flow.NoTime, Barrier: &channel.Barrier{Checkpoint: id}}
}
func status(s channel.Status) channel.Message {
	return channel.Message{Watermark: flow.NoTime, Status: s}
}

// expect waits until the task has nothing to do and compares what it did since the last time.
func (w *world) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := w.take(); !slices.Equal(got, want) {
		t.Fatalf("the task did\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// take waits until the task has nothing to do, and returns what it did since the last time.
func (w *world) take() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	trail := w.trail
	w.trail = nil
	return trail
}

// opened waits until the task is ready, and forgets how it became so.
func (w *world) opened() *world {
	w.take()
	return w
}

// story runs a test in a bubble with a clock of its own.
func story(t *testing.T, tell func(t *testing.T)) { bubble.Test(t, tell) }

func TestOperatorsOpenFromTheLastToTheFirstAndAllAreClosed(t *testing.T) {
	story(t, func(t *testing.T) {
		w := begin(t, 1, nil)
		w.expect(t, "open b", "open a")
		over := errors.New("over")
		w.cancel(over)
		if err := <-w.ended; !errors.Is(err, over) {
			t.Errorf("the task ended with %v, not with its context's cause", err)
		}
		w.expect(t, "close b", "close a")
	})
}

func TestWhatComesInIsHandedOnInOrder(t *testing.T) {
	story(t, func(t *testing.T) {
		w := begin(t, 1, nil).opened()
		w.send(0, batch("x"), watermark(5), status(channel.Idle), status(channel.Active), batch("y"), watermark(9))
		w.expect(t, "batch x", "w5", "idle true", "idle false", "batch y", "w9")
	})
}

func TestABarrierIsSentOnAfterAllSnapshotsAndReportedOnce(t *testing.T) {
	story(t, func(t *testing.T) {
		w := begin(t, 1, nil).opened()
		w.send(0, batch("x"), barrier(1), batch("y"))
		w.expect(t, "batch x", "snapshot a 1", "snapshot b 1", "out 1 false", "report 1 of task 7: a10 b10",
			"batch y")
	})
}

func TestNothingFromBehindABarrierIsProcessedBeforeTheSnapshot(t *testing.T) {
	story(t, func(t *testing.T) {
		w := begin(t, 2, nil).opened()
		w.send(0, barrier(1), batch("later"), watermark(90))
		w.send(1, batch("x"))
		w.expect(t, "batch x")
		w.send(1, batch("y"), barrier(1), watermark(80))
		w.expect(t, "batch y", "snapshot a 1", "snapshot b 1", "out 1 false", "report 1 of task 7: a10 b10",
			"batch later", "w80")
	})
}

func TestATaskOutlivesTheEndOfItsInput(t *testing.T) {
	story(t, func(t *testing.T) {
		w := begin(t, 1, nil).opened()
		last := barrier(1)
		last.Barrier.Last = true
		w.send(0, watermark(flow.EndOfTime), last)
		w.expect(t, fmt.Sprint("w", flow.EndOfTime), "snapshot a 1", "snapshot b 1", "out 1 true",
			"report 1 of task 7: a10 b10")
		w.send(0, barrier(2))
		w.expect(t, "snapshot a 2", "snapshot b 2", "out 2 false", "report 2 of task 7: a20 b20")
	})
}

// drained is an operator that leaves rows in flight unless it must not.
type drained struct{ *step }

func (d drained) Wake() <-chan struct{} { return nil }
func (d drained) Resume() error         { return nil }
func (d drained) Full() bool            { return false }
func (d drained) Waits() bool           { return false }
func (d drained) Drain() error          { return d.do("drain") }

func TestOnlyABarrierThatDrainsWaitsForWhatIsInFlight(t *testing.T) {
	story(t, func(t *testing.T) {
		broken := errors.New("broken")
		w := begin(t, 1, func(w *world, c *Config) { c.Head = drained{&step{w, "a"}} }).opened()
		w.send(0, barrier(1))
		w.expect(t, "snapshot a 1", "snapshot b 1", "out 1 false", "report 1 of task 7: a10 b10")
		draining := barrier(2)
		draining.Barrier.Drains = true
		w.send(0, draining)
		w.expect(t, "drain", "snapshot a 2", "snapshot b 2", "out 2 false", "report 2 of task 7: a20 b20")
		w.faults["drain"] = func() error { return broken }
		w.send(0, draining)
		if err := <-w.ended; !errors.Is(err, broken) {
			t.Errorf("the task ended with %v", err)
		}
	})
}

// everything makes a task do all that it can do.
func everything(w *world) {
	w.send(0, batch("x"), watermark(5), status(channel.Idle), barrier(1))
}

var order = []string{
	"open b", "open a", "batch x", "w5", "idle true", "snapshot a 1", "snapshot b 1", "out 1 false",
	"report 1 of task 7: a10 b10",
}

func TestAFailureEndsTheTaskAtOnceAndClosesItsOperators(t *testing.T) {
	broken := errors.New("broken")
	for i, at := range order[:len(order)-1] {
		t.Run(at, func(t *testing.T) {
			story(t, func(t *testing.T) {
				w := begin(t, 1, func(w *world, _ *Config) {
					w.faults[at] = func() error { return broken }
					everything(w)
				})
				if err := <-w.ended; !errors.Is(err, broken) {
					t.Errorf("the task ended with %v", err)
				}
				w.expect(t, append(slices.Clone(order[:i+1]), "close b", "close a")...)
			})
		})
	}
}

func TestAPanicEndsTheTaskWithItsNameAndTheStack(t *testing.T) {
	for i, at := range order {
		t.Run(at, func(t *testing.T) {
			story(t, func(t *testing.T) {
				w := begin(t, 1, func(w *world, _ *Config) {
					w.faults[at] = func() error { panic("out of luck") }
					everything(w)
				})
				err := <-w.ended
				if err == nil || !strings.HasPrefix(err.Error(), `task "the task": panic: out of luck`) ||
					!strings.Contains(err.Error(), "task_test.go") {
					t.Errorf("the task ended with %v", err)
				}
				w.expect(t, append(slices.Clone(order[:i+1]), "close b", "close a")...)
			})
		})
	}
}

func TestAFailureToCloseIsAddedToTheFirstError(t *testing.T) {
	story(t, func(t *testing.T) {
		first, second := errors.New("first"), errors.New("second")
		w := begin(t, 1, func(w *world, _ *Config) {
			w.faults["batch x"] = func() error { return first }
			w.faults["close b"] = func() error { return second }
			w.send(0, batch("x"))
		})
		if err := <-w.ended; !errors.Is(err, first) || !errors.Is(err, second) {
			t.Errorf("the task ended with %v", err)
		}
		w.expect(t, "open b", "open a", "batch x", "close b", "close a")
	})
}

func TestAPanicWhileClosingIsAnErrorAndTheOthersAreClosed(t *testing.T) {
	story(t, func(t *testing.T) {
		broken := errors.New("broken")
		w := begin(t, 1, func(w *world, _ *Config) {
			w.faults["batch x"] = func() error { return broken }
			w.faults["close b"] = func() error { panic("out of luck") }
			w.send(0, batch("x"))
		})
		err := <-w.ended
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), `task "the task": panic: out of luck`) {
			t.Errorf("the task ended with %v", err)
		}
		w.expect(t, "open b", "open a", "batch x", "close b", "close a")
	})
}

func TestTicksComeWhenTheyAreDue(t *testing.T) {
	story(t, func(t *testing.T) {
		w := begin(t, 1, func(w *world, c *Config) {
			c.Steps = append(c.Steps, Step{"slow", w.clock("slow", 5*time.Second, 1)})
			c.Outputs = append(c.Outputs, w.clock("quick", 2*time.Second, 3), w.clock("never", time.Second, 0))
		}).opened()
		pass(time.Minute)
		w.expect(t, "tick quick at 2s", "tick quick at 4s", "tick slow at 5s", "tick quick at 6s")
		if idle := time.Duration(w.Times.Idle.Load()); idle != 6*time.Second {
			t.Errorf("the task was idle for %v up to its last tick", idle)
		}
	})
}

func TestTicksComeAlsoWhileThereIsAlwaysInput(t *testing.T) {
	story(t, func(t *testing.T) {
		w := begin(t, 1, func(w *world, c *Config) {
			c.Outputs = append(c.Outputs, w.clock("quick", 2*time.Second, 9))
			c.Deliver = func(_ int, batch any) error {
				<-time.After(1500 * time.Millisecond) // as an operator that takes its time
				return w.do("batch %v", batch)
			}
			w.send(0, batch("1"), batch("2"), batch("3"))
		}).opened()
		pass(4600 * time.Millisecond)
		w.expect(t, "batch 1", "batch 2", "tick quick at 3s", "batch 3")
	})
}

func TestAFailingTickEndsTheTask(t *testing.T) {
	story(t, func(t *testing.T) {
		broken := errors.New("broken")
		w := begin(t, 1, func(w *world, c *Config) {
			c.Outputs = append(c.Outputs, w.clock("quick", time.Second, 1))
			w.faults["tick quick at 1s"] = func() error { return broken }
		}).opened()
		if err := <-w.ended; !errors.Is(err, broken) {
			t.Errorf("the task ended with %v", err)
		}
		w.expect(t, "tick quick at 1s", "close b", "close a")
	})
}

// pass lets time go by in a bubble, until all that happens in it has happened.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
