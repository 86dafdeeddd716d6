package aqtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

// running numbers the rows of each key.
type running struct{ n state.Value[int64] }

func (r *running) Open(s *state.Scope) (err error) {
	r.n, err = state.NewValue[int64](s, "n")
	return err
}

func (r *running) Process(ctx *aquifer.Context, word *string, out aquifer.Collector[string]) error {
	n, _, err := r.n.Get(ctx)
	if err != nil {
		return err
	}
	out.Emit(fmt.Sprint(*word, n+1))
	return r.n.Set(ctx, n+1)
}

func byWord(s aquifer.Stream[string]) aquifer.KeyedStream[string, string] {
	return aquifer.KeyBy(s, func(w *string) string { return *w })
}

var words = Rows("a", "b", "a", "c", "a", "b")

// numbered is a job that is as it should be.
func numbered(job *Job) aquifer.Stream[string] {
	return aquifer.Process(byWord(From(job, "words", words...)), "number",
		func() aquifer.ProcessFunc[string, string] { return &running{} })
}

var wantNumbered = []string{"a1", "a2", "a3", "b1", "b2", "c1"}

func sorted(rows []string) []string { return slices.Sorted(slices.Values(rows)) }

func TestWhateverHappensEachRowIsThereOnce(t *testing.T) {
	for _, options := range [][]Option{
		nil,
		{Parallelism(3)},
		{Checkpoint(2)},
		{Crash(3)},
		{Checkpoint(2), Crash(4), Crash(4), Crash(6)},
		{Crash(0), Checkpoint(0), Checkpoint(6), Crash(6)},
		{Rescale(0, 2), Rescale(3, 4), Crash(5), Rescale(6, 1)},
		{Parallelism(4), Checkpoint(1), Rescale(2, 3), Checkpoint(3), Crash(6)},
	} {
		if got := sorted(Run(t, numbered, options...)); !slices.Equal(got, wantNumbered) {
			t.Errorf("%v: %v, want %v", options, got, wantNumbered)
		}
	}
}

func TestRowsAreVisibleCheckpointByCheckpoint(t *testing.T) {
	got := Run(t, func(job *Job) aquifer.Stream[string] { return From(job, "words", words...) }, Checkpoint(2), Crash(4))
	if strings.Join(got, "") != "abacab" {
		t.Errorf("%v", got)
	}
}

func TestACrashTakesBackWhatNoCheckpointHas(t *testing.T) {
	seen := 0
	Run(t, func(job *Job) aquifer.Stream[string] {
		return aquifer.Filter(From(job, "words", words...), func(*string) bool { seen++; return true })
	}, Checkpoint(2), Crash(5))
	if seen != 5+4 {
		t.Errorf("%d rows were processed, want 9: 5 before the crash and 4 behind the checkpoint", seen)
	}
}

func TestEachLifeIsDescribedAnewWithItsParallelism(t *testing.T) {
	lives := 0
	Run(t, func(job *Job) aquifer.Stream[string] { lives++; return From(job, "words", words...) }, Crash(1), Rescale(2, 2))
	if lives != 3 {
		t.Errorf("%d lives", lives)
	}
}

// windowed counts words in windows of ten milliseconds.
func windowed(steps ...Step[string]) func(*Job) aquifer.Stream[string] {
	return func(job *Job) aquifer.Stream[string] {
		counts := aquifer.Aggregate(byWord(From(job, "words", steps...)), "count",
			window.Tumbling(10*time.Millisecond), aquifer.Count[string]())
		return aquifer.Map(counts, func(w *flow.Windowed[string, int64]) string {
			return fmt.Sprint(w.Key, w.Start, "=", w.Value)
		})
	}
}

func TestAWatermarkIsWhereTheScriptHasIt(t *testing.T) {
	script := []Step[string]{
		At(25, "a"), At(3, "a"), At(1, "a"), // far out of order, but nothing is late
		Watermark[string](10), At(9, "a"), At(10, "a"), // the first is late
		Watermark[string](5), At(11, "a"), // event time does not go back
	}
	want := []string{"a0=2", "a10=2", "a20=1"}
	for _, options := range [][]Option{nil, {Checkpoint(2), Crash(3)}, {Checkpoint(3), Crash(4)}, {Rescale(4, 2)}} {
		if got := sorted(Run(t, windowed(script...), options...)); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", options, got, want)
		}
	}
}

// Many subtasks have nothing to read, and must not hold event time back.
func TestAWatermarkIsWithAllSubtasksBeforeTheNextRow(t *testing.T) {
	for range 20 {
		got := Run(t, windowed(At(1, "a"), Watermark[string](10), At(2, "a")), Parallelism(4), Rescale(1, 7))
		if !slices.Equal(got, []string{"a0=1"}) {
			t.Fatalf("%v", got)
		}
	}
}

// alarm tells of a word a second after it came.
type alarm struct{}

func (alarm) Open(*state.Scope) error { return nil }

func (alarm) Process(ctx *aquifer.Context, _ *string, _ aquifer.Collector[string]) error {
	return ctx.RegisterProcessingTimer(ctx.ProcessingTime() + 1000)
}

func (alarm) OnTimer(ctx *aquifer.Context, timer aquifer.Timer, out aquifer.Collector[string]) error {
	out.Emit(aquifer.Key[string](ctx))
	return nil
}

func TestAPauseIsOneOfTheClockAndTakesNoTime(t *testing.T) {
	for last, want := range map[time.Duration]string{990 * time.Millisecond: "a", 1010 * time.Millisecond: "ab"} {
		got := Run(t, func(job *Job) aquifer.Stream[string] {
			in := From(job, "words", At(flow.NoTime, "a"), Pause[string](time.Minute), At(flow.NoTime, "b"), Pause[string](last))
			return aquifer.Process(byWord(in), "alarm", func() aquifer.ProcessFunc[string, string] { return alarm{} })
		})
		if strings.Join(got, "") != want {
			t.Errorf("%v after %v, want %s", got, last, want)
		}
	}
}

func TestWhatCannotHappenIsAnError(t *testing.T) {
	for want, options := range map[string][]Option{
		"Crash(7) did not happen: the input has 6 rows":                           {Checkpoint(6), Crash(7)},
		"Rescale(2, 3) cannot happen: there is a checkpoint after 3 rows by then": {Checkpoint(3), Rescale(2, 3)},
		"Crash(1) cannot happen: there is a checkpoint after 2 rows by then":      {Rescale(2, 3), Crash(1)},
		"max parallelism": {Parallelism(1000)},
	} {
		if _, err := Collect(t.Context(), numbered, options...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestTheErrorOfAJobIsThatOfTheTest(t *testing.T) {
	broken := errors.New("broken")
	job := func(job *Job) aquifer.Stream[string] {
		return aquifer.FlatMap(From(job, "words", words...), func(w *string, _ aquifer.Collector[string]) error {
			if *w == "c" {
				return broken
			}
			return nil
		})
	}
	for _, options := range [][]Option{nil, {Checkpoint(2)}, {Crash(2)}, {Crash(5)}, {Rescale(6, 2)}} {
		if _, err := Collect(t.Context(), job, options...); !errors.Is(err, broken) {
			t.Errorf("%v: %v", options, err)
		}
	}
}
