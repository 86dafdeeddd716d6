package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
)

// ledger is a sink that writes down what is done to it, and fails where it is told to.
type ledger struct {
	notes []string
	fail  map[string]error
	panic bool
}

func (l *ledger) note(what string, args ...any) error {
	l.notes = append(l.notes, strings.TrimSpace(what+" "+fmt.Sprint(args...)))
	return l.fail[what]
}

func (l *ledger) Recover(context.Context, [][]byte) error { return nil }
func (l *ledger) Commit(context.Context, [][]byte) error  { return nil }
func (l *ledger) Open(_ context.Context, s flow.SinkSubtask) (flow.Writer[int], error) {
	err := l.note("open", fmt.Sprintf("%d/%d %s %q", s.Subtask, s.Parallelism, s.Incarnation, s.States))
	return ledgerWriter{l}, err
}

type ledgerWriter struct{ *ledger }

func (w ledgerWriter) Write(_ context.Context, b *flow.Batch[int]) error {
	if w.panic {
		panic("no more paper")
	}
	return w.note("write", b.Rows)
}

func (w ledgerWriter) Prepare(_ context.Context, id uint64) (flow.Prepared, error) {
	return flow.Prepared{Committable: []byte("c"), State: []byte("s")}, w.note("prepare", id)
}

func (w ledgerWriter) Close(context.Context) error { return w.note("close") }

func TestASinkWritesPreparesAndCloses(t *testing.T) {
	l, env := &ledger{}, place("out")
	env.Subtask, env.Parallelism = 2, 5
	s := NewSink(env, l)
	must(t, s.Open())
	must(t, s.Batch(rowsOf(1, 2)))
	must(t, s.Watermark(77))
	must(t, s.Idle(true))
	snap, err := s.Snapshot(9)
	must(t, err)
	if snap.Watermark != 77 || string(snap.Prepared.Committable) != "c" || string(snap.Prepared.State) != "s" {
		t.Errorf("%+v", snap)
	}
	must(t, s.Close())
	want := `open 2/5 1-1 [] write [1 2] prepare 9 close`
	if got := strings.Join(l.notes, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if in, w := env.Stats.RowsIn.Load(), env.Stats.Watermark.Load(); in != 2 || w != 77 {
		t.Errorf("%d rows, event time %d", in, w)
	}
}

func TestAWriterGetsTheStatesThatFellToIt(t *testing.T) {
	l, env := &ledger{}, place("out")
	env.Restored = &Restored{Assignment: checkpoint.Assignment{SinkStates: [][]byte{[]byte("a"), []byte("b")}}}
	must(t, NewSink(env, l).Open())
	if l.notes[0] != `open 0/1 1-1 ["a" "b"]` {
		t.Errorf("%s", l.notes[0])
	}
}

func TestEachFailureOfASinkNamesIt(t *testing.T) {
	for what, do := range map[string]func(s *Sink[int]) error{
		"open":    func(s *Sink[int]) error { return s.Open() },
		"write":   func(s *Sink[int]) error { return s.Batch(rowsOf(1)) },
		"prepare": func(s *Sink[int]) error { _, err := s.Snapshot(4); return err },
		"close":   func(s *Sink[int]) error { return s.Close() },
	} {
		s := NewSink(place("out"), &ledger{fail: map[string]error{what: errBroken}})
		if what != "open" {
			must(t, s.Open())
		}
		err := do(s)
		mustSay(t, err, `sink "out"`, "broken")
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", what, err)
		}
		if what == "prepare" {
			mustSay(t, err, "checkpoint 4")
		}
	}
}

func TestAPanicOfAWriterIsAnErrorOfItsOperator(t *testing.T) {
	s := NewSink(place("out"), &ledger{panic: true})
	must(t, s.Open())
	mustSay(t, s.Batch(rowsOf(1)), `operator "out"`, "panic: no more paper", "sink_test.go:")
}

func TestASinkThatWasNotOpenedHasNothingToClose(t *testing.T) {
	l := &ledger{fail: map[string]error{"open": errBroken}}
	s := NewSink(place("out"), l)
	must(t, s.Close())
	if err := s.Open(); !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
	must(t, s.Close())
	if len(l.notes) != 1 {
		t.Errorf("%q", l.notes)
	}
}
