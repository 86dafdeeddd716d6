package aquifer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// sticky is a sink whose writers cannot be closed.
type sticky struct {
	*collected[int64]
	err error
}

type stickyWriter struct {
	flow.Writer[int64]
	err error
}

func (s sticky) Open(ctx context.Context, subtask flow.SinkSubtask) (flow.Writer[int64], error) {
	w, err := s.collected.Open(ctx, subtask)
	return stickyWriter{w, s.err}, err
}

func (w stickyWriter) Close(context.Context) error { return w.err }

var errStuck = errors.New("the connection did not close")

func TestASinkThatCannotBeClosedFailsTheJobAfterItsOutputIsVisible(t *testing.T) {
	job, sink := NewJob("sticky"), newCollected[int64]()
	To(From(job, "numbers", numbers{end: 5, splits: 1, batch: 2}), "out", sticky{sink, errStuck})
	r, err := job.Run(t.Context(), RunOptions{Parallelism: 1})
	if !errors.Is(err, errStuck) {
		t.Errorf("%v", err)
	}
	wantError(t, err, `sink "out": close: the connection did not close`)
	if !r.Finished || r.Restarts != 0 || r.LastCheckpoint != 1 {
		t.Errorf("%+v", r)
	}
	wantRows(t, sink.rows(), 0, 1, 2, 3, 4)
}

// closer passes numbers on and cannot be closed.
type closer struct{ err error }

func (closer) Open(*state.Scope) error { return nil }
func (c closer) Close() error          { return c.err }
func (closer) Process(_ *Context, n *int64, out Collector[int64]) error {
	out.Emit(*n)
	return nil
}

// unkeyedCloser is the same without keys.
type unkeyedCloser struct{ err error }

func (c unkeyedCloser) Close() error { return c.err }
func (unkeyedCloser) Process(_ *Context, n *int64, out Collector[int64]) error {
	out.Emit(*n)
	return nil
}

func TestAFunctionThatCannotBeClosedFailsTheJobAndIsNamed(t *testing.T) {
	for name, apply := range map[string]func(Stream[int64]) Stream[int64]{
		"keyed": func(s Stream[int64]) Stream[int64] {
			return Process(KeyBy(s, identity), "pass", func() ProcessFunc[int64, int64] { return closer{errStuck} })
		},
		"unkeyed": func(s Stream[int64]) Stream[int64] {
			return ProcessUnkeyed(s, "pass", func() UnkeyedFunc[int64, int64] { return unkeyedCloser{errStuck} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			job, sink := NewJob("closing"), newCollected[int64]()
			To(apply(From(job, "numbers", numbers{end: 5, splits: 1, batch: 2})), "out", sink)
			r, err := job.Run(t.Context(), RunOptions{Parallelism: 1})
			wantError(t, err, `operator "pass", subtask 0: the connection did not close`)
			if !errors.Is(err, errStuck) || !r.Finished || r.Restarts != 0 {
				t.Errorf("%+v, %v", r, err)
			}
			wantRows(t, sink.rows(), 0, 1, 2, 3, 4)
		})
	}
}

// alarm sets timers at its first row and tells which of them ring.
type alarm struct {
	set func(ctx *Context) error
}

func (a *alarm) Open(*state.Scope) error { return nil }

func (a *alarm) Process(ctx *Context, n *int64, out Collector[string]) error {
	out.Emit(fmt.Sprint("row ", *n))
	if a.set == nil {
		return nil
	}
	return a.set(ctx)
}

func (a *alarm) OnTimer(ctx *Context, timer Timer, out Collector[string]) error {
	kind := "event"
	if timer.Processing {
		kind = "processing"
	}
	out.Emit(fmt.Sprintf("%s timer of %d", kind, Key[int64](ctx)))
	return nil
}

// alarmJob reads what a script has, and sets timers at each row if set is not nil.
func alarmJob(source flow.Source[int64], set func(*Context) error) (*Job, *collected[string]) {
	sink := newCollected[string]()
	return alarmTo(sink, source, set), sink
}

func alarmTo(sink *collected[string], source flow.Source[int64], set func(*Context) error) *Job {
	job := NewJob("alarms")
	rows := From(job, "rows", source)
	told := Process(KeyBy(rows, identity), "alarm", func() ProcessFunc[int64, string] { return &alarm{set: set} })
	To(told, "out", sink)
	return job
}

func TestAJobDoesNotWaitForProcessingTimersAtTheEndOfItsInput(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		job, sink := alarmJob(oneSplit(each[int64](1, 2)...), func(ctx *Context) error {
			return ctx.RegisterProcessingTimer(ctx.ProcessingTime() + time.Hour.Milliseconds())
		})
		begin := time.Now()
		mustRun(t, job, RunOptions{Parallelism: 1})
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("the job took %v", took)
		}
		wantRows(t, sorted(sink.rows()), "row 1", "row 2")
	})
}

func TestEveryEventTimerFiresAtTheEndOfTheInput(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		job, sink := alarmJob(oneSplit(each[int64](1, 2)...), func(ctx *Context) error {
			return ctx.RegisterEventTimer(flow.EndOfTime - 1)
		})
		mustRun(t, job, RunOptions{Parallelism: 1})
		wantRows(t, sorted(sink.rows()), "event timer of 1", "event timer of 2", "row 1", "row 2")
	})
}

// A processing timer that the first input did not live to see is in the last checkpoint: a job that goes on from
// it with more input, and still runs at the timer's time, fires it.
func TestAProcessingTimerOutlivesTheEndOfTheInput(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		o := RunOptions{Parallelism: 1, objects: mem.New()}
		first, sink := alarmJob(oneSplit(each[int64](1)...), func(ctx *Context) error {
			return ctx.RegisterProcessingTimer(ctx.ProcessingTime() + time.Hour.Milliseconds())
		})
		mustRun(t, first, o)
		wantRows(t, sink.rows(), "row 1")
		more := script[int64]{splits: [][]step[int64]{each[int64](1), {in[int64](2*time.Hour, 5)}}}
		r := mustRun(t, alarmTo(sink, more, nil), o)
		wantRows(t, sink.rows(), "row 1", "processing timer of 1", "row 5")
		if r.ResumedFrom != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestAProcessingTimerThatIsDueBeforeTheEndFires(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		job, sink := alarmJob(oneSplit(in[int64](0, 1), in[int64](time.Minute, 2)), func(ctx *Context) error {
			if Key[int64](ctx) != 1 {
				return nil
			}
			return ctx.RegisterProcessingTimer(ctx.ProcessingTime() + 1000)
		})
		mustRun(t, job, RunOptions{Parallelism: 1})
		wantRows(t, sink.rows(), "row 1", "processing timer of 1", "row 2")
	})
}

func TestAStopInThePauseBeforeARestartReturnsTheFailureAtOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		job, sink := NewJob("broken"), newCollected[int64]()
		broken := errors.New("no route to host")
		sink.fault = func(step string) error {
			if step == "write" {
				return broken
			}
			return nil
		}
		To(From(job, "numbers", numbers{end: 5, splits: 1, batch: 2}), "out", sink)
		stop, begin := make(chan struct{}), time.Now()
		var once sync.Once
		r, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: 100, Stop: stop, OnEvent: func(e Event) {
			if e, ok := e.(Restarting); ok && e.After >= 10*time.Second {
				once.Do(func() { begin = time.Now(); close(stop) })
			}
		}})
		if took := time.Since(begin); took != 0 {
			t.Errorf("the stop took %v", took)
		}
		if !errors.Is(err, broken) || r.Finished || r.Restarts == 0 {
			t.Errorf("%+v, %v", r, err)
		}
		wantError(t, err, "stopped before a restart")
	})
}
