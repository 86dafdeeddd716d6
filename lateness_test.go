package aquifer

import (
	"fmt"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

// lateTeller emits whether a row is behind the event time that the function knows.
type lateTeller struct{}

func (lateTeller) Open(*state.Scope) error { return nil }
func (lateTeller) Process(ctx *Context, in *sale, out Collector[string]) error {
	out.Emit(fmt.Sprint(in.At, " late ", ctx.Watermark != flow.NoTime && ctx.Time < ctx.Watermark))
	return nil
}

// lateCounter counts the rows that are behind the event time that it knows.
type lateCounter struct{}

func (lateCounter) Open(*state.Scope) error { return nil }
func (lateCounter) Process(ctx *Context, _ *sale, _ Collector[string]) error {
	if ctx.Time < ctx.Watermark {
		ctx.CountLate()
	}
	return nil
}

// The row behind the stop is the first of its run: the source has told no event time by then.
func TestWhatWasLateBeforeAStopIsLateAfterIt(t *testing.T) {
	for _, parallelism := range [][]int{{1, 1}, {1, 3}, {3, 1}} {
		store, sink := mem.New(), newCollected[string]()
		for run := range parallelism {
			bubble.Test(t, func(t *testing.T) {
				var at *pause
				if run == 0 {
					at = newPause()
				}
				steps := []step[sale]{in(time.Second, sale{50, "ann", 1}), in(time.Second, sale{60, "ann", 2}), here[sale](at)}
				steps = append(steps, in(time.Second, sale{55, "ann", 3}), in(time.Second, sale{60, "ann", 4}))
				job, o := NewJob("late"), RunOptions{Parallelism: parallelism[run], objects: store, CheckpointInterval: -1}
				if at != nil {
					o.Stop = at.stop
				}
				told := Process(fromSales(job, oneSplit(steps...)), "tell", func() ProcessFunc[sale, string] { return lateTeller{} })
				To(told, "out", sink)
				mustRun(t, job, o)
			})
		}
		wantRows(t, sink.rows(), "50 late false", "60 late false", "55 late true", "60 late false")
	}
}

func TestRowsThatAreTooLateForAFunctionAreCounted(t *testing.T) {
	windows := func(w window.Window) windowed {
		return func(s KeyedStream[string, sale]) Stream[string] { return ProcessWindow(s, "windows", w, listed) }
	}
	for name, c := range map[string]struct {
		late windowed
		want int64
	}{
		"tumbling": {windows(window.Tumbling(ms(20))), 2},
		"lateness": {windows(window.Tumbling(ms(20)).AllowedLateness(ms(30))), 1},
		"session":  {windows(window.Session(ms(20))), 2},
		"over": {func(s KeyedStream[string, sale]) Stream[string] {
			sums := Over(s, "over", window.RowsUnbounded(), Sum(paid))
			return Map(sums, func(o *OverRow[sale, int64]) string { return overText(o.Row, o.Value) })
		}, 2},
		"co-group": {func(s KeyedStream[string, sale]) Stream[string] {
			return CoGroup(halves(s), "windows", window.Tumbling(ms(20)), regrouped)
		}, 2},
		"interval join": {func(s KeyedStream[string, sale]) Stream[string] {
			return IntervalJoin(halves(s), "join", -ms(100), ms(100), func(l, r *sale) string { return "" })
		}, 2},
		"function": {func(s KeyedStream[string, sale]) Stream[string] {
			return Process(s, "function", func() ProcessFunc[sale, string] { return lateCounter{} })
		}, 2},
		"function without keys": {func(s KeyedStream[string, sale]) Stream[string] {
			return ProcessUnkeyed(s.Stream, "function", func() UnkeyedFunc[sale, string] { return lateCounter{} })
		}, 2},
	} {
		bubble.Test(t, func(t *testing.T) {
			var steps []step[sale]
			for _, row := range []sale{{5, "ann", 1}, {45, "ann", 2}, {7, "ann", 3}, {60, "ann", 4}, {1, "ann", 5}} {
				steps = append(steps, in(time.Second, row))
			}
			job, counted := NewJob("late"), int64(0)
			To(c.late(fromSales(job, oneSplit(steps...))), "out", newCollected[string]())
			mustRun(t, job, RunOptions{Parallelism: 2, CheckpointInterval: -1, OnEvent: func(e Event) {
				if p, ok := e.(Progress); ok {
					counted = p.Late
				}
			}})
			if counted != c.want {
				t.Errorf("%s: %d late rows, want %d", name, counted, c.want)
			}
		})
	}
}
