package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

var errBroken = errors.New("broken")

// stage is a Receiver that writes down what comes, in order: rows with their times, watermarks, idleness.
type stage[T any] struct {
	seen []string
	// fail, if not nil, is asked at each call: batch, watermark, idle.
	fail func(what string) error
}

func (s *stage[T]) at(what string) error {
	if s.fail == nil {
		return nil
	}
	return s.fail(what)
}

func (s *stage[T]) Batch(b *flow.Batch[T]) error {
	for i, row := range b.Rows {
		s.seen = append(s.seen, fmt.Sprintf("%v@%s", row, at(b.Times[i])))
	}
	return s.at("batch")
}

func (s *stage[T]) Watermark(t int64) error {
	s.seen = append(s.seen, "w"+at(t))
	return s.at("watermark")
}

func (s *stage[T]) Idle(idle bool) error {
	s.seen = append(s.seen, fmt.Sprintf("idle %v", idle))
	return s.at("idle")
}

func at(t int64) string {
	switch t {
	case flow.NoTime:
		return "-"
	case flow.EndOfTime:
		return "end"
	}
	return fmt.Sprint(t)
}

// wants compares what has come since the last time, without times.
func (s *stage[T]) wants(t testing.TB, want string) {
	t.Helper()
	var got []string
	for _, row := range s.seen {
		row, _, _ = strings.Cut(row, "@")
		got = append(got, row)
	}
	s.seen = nil
	if all := strings.Join(got, ", "); all != want {
		t.Fatalf("got %q, want %q", all, want)
	}
}

// expect compares what has come since the last time.
func (s *stage[T]) expect(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(s.seen, " "); got != want {
		t.Errorf("came %q, want %q", got, want)
	}
	s.seen = nil
}

// place is the env of the only subtask of an operator.
func place(name string) *Env {
	return &Env{
		Context: context.Background(), UID: name, Name: name, Parallelism: 1, MaxParallelism: rigGroups,
		Groups: base.KeyGroupRange{End: rigGroups}, Incarnation: "1-1",
		Stats: &Stats{}, Blocked: func() time.Duration { return 0 },
	}
}

// rowsOf is a batch of rows whose times are their numbers from 1.
func rowsOf[T any](rows ...T) *flow.Batch[T] {
	b := PoolOf[T]().Get()
	for i, r := range rows {
		b.Append(r, int64(i+1))
	}
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustSay checks that an error says all of these.
func mustSay(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("%q is not in: %v", p, err)
		}
	}
}
