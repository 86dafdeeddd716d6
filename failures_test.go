package aquifer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// stumbling fails, or panics, once at each of some numbers.
type stumbling struct{ at map[int64]func() error }

func (s *stumbling) Open(*state.Scope) error { return nil }

func (s *stumbling) Process(_ *Context, in *int64, out Collector[int64]) error {
	if fail := s.at[*in]; fail != nil {
		delete(s.at, *in)
		return fail()
	}
	out.Emit(*in)
	return nil
}

func TestAResultTellsWhatFailedForWhichKeyAndWhenItRanAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		at := map[int64]func() error{
			30: func() error { return errors.New("no thirty") },
			70: func() error { panic("no seventy") },
		}
		job, sink := NewJob("job"), newCollected[int64]()
		source := From(job, "numbers", numbers{end: 100, splits: 1, batch: 10})
		byTen := KeyBy(source, func(n *int64) int64 { return *n / 10 })
		rows := Process(byTen, "stumbling", func() ProcessFunc[int64, int64] { return &stumbling{at: at} }, UID("s-1"))
		To(rows, "out", sink)
		r, err := job.Run(t.Context(), RunOptions{Parallelism: 1, RestartDelay: time.Second, objects: mem.New()})
		if err != nil || len(sink.rows()) != 100 || len(r.Failures) != 2 {
			t.Fatalf("%d rows, %+v, %v", len(sink.rows()), r, err)
		}
		f, g := r.Failures[0], r.Failures[1]
		if f.Operator != "s-1" || f.Key != "3" || f.Message != "no thirty" || f.Down != time.Second {
			t.Errorf("%+v", f)
		}
		if g.Operator != "s-1" || g.Key != "7" || g.Message != "panic: no seventy" || g.Down != time.Second {
			t.Errorf("%+v", g)
		}
		text, err := json.Marshal(r)
		want := `"operator":"s-1","subtask":0,"key":"3","message":"no thirty"`
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s, %v", text, err)
		}
	})
}

func TestARestartDelayIsNotNegative(t *testing.T) {
	job := NewJob("job")
	To(From(job, "numbers", numbers{end: 1, splits: 1, batch: 1}), "out", newCollected[int64]())
	_, err := job.Run(t.Context(), RunOptions{RestartDelay: -1})
	wantError(t, err, "restart delay", "negative")
}

func TestAnErrorThatNoRestartHealsEndsTheJobAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		fail func() error
		code int
	}{
		"a mistake in configuration": {func() error { return flow.ConfigErrorf("table %q is not there", "t") }, ExitUsage},
		"damaged data":               {func() error { return flow.CorruptErrorf("row 3 of %q", "t") }, ExitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				at := map[int64]func() error{30: func() error { return fmt.Errorf("looked up: %w", c.fail()) }}
				job, sink := NewJob("job"), newCollected[int64]()
				source := From(job, "numbers", numbers{end: 100, splits: 1, batch: 10})
				rows := Process(KeyBy(source, func(n *int64) int64 { return *n / 10 }), "stumbling",
					func() ProcessFunc[int64, int64] { return &stumbling{at: at} })
				To(rows, "out", sink)
				_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: 5, objects: mem.New()})
				if err == nil || len(at) != 0 || len(sink.rows()) != 0 {
					t.Fatalf("%d rows, error %v", len(sink.rows()), err)
				}
				if code := ExitCode(err, "job", io.Discard); code != c.code || !strings.Contains(err.Error(), "looked up: ") {
					t.Errorf("exit code %d of %v", code, err)
				}
			})
		})
	}
}
