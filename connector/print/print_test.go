package print_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/print"
	"github.com/aquifer-stream/aquifer/flow"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open[T any](t *testing.T, s flow.Sink[T]) flow.Writer[T] {
	t.Helper()
	w, err := s.Open(t.Context(), flow.SinkSubtask{Parallelism: 1})
	must(t, err)
	return w
}

func batch[T any](rows ...T) *flow.Batch[T] {
	var b flow.Batch[T]
	for _, r := range rows {
		b.Append(r, flow.NoTime)
	}
	return &b
}

func line(dst []byte, row *string) []byte { return append(dst, *row...) }

type reading struct {
	Place string  `json:"place"`
	Value float64 `json:"value"`
}

func TestEveryRowIsALineAsSoonAsItIsWritten(t *testing.T) {
	text := func(dst []byte, r *reading) []byte { return fmt.Appendf(dst, "%s: %g", r.Place, r.Value) }
	for name, c := range map[string]struct {
		sink func(io.Writer) flow.Sink[reading]
		want string
	}{
		"text": {func(w io.Writer) flow.Sink[reading] { return print.To(w, text) }, "roof: 21.5\ncellar: 9\n"},
		"JSON": {print.JSON[reading], `{"place":"roof","value":21.5}
{"place":"cellar","value":9}
`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := open(t, c.sink(&out))
			must(t, w.Write(t.Context(), batch(reading{"roof", 21.5}, reading{"cellar", 9})))
			if out.String() != c.want { // before any checkpoint: a person is waiting
				t.Errorf("printed %q, want %q", out.String(), c.want)
			}
		})
	}
}

func TestNothingIsPrintedAgainByACheckpoint(t *testing.T) {
	var out bytes.Buffer
	sink := print.JSON[string](&out)
	w := open(t, sink)
	must(t, w.Write(t.Context(), batch("once")))
	p, err := w.Prepare(t.Context(), 1)
	must(t, err)
	must(t, sink.Commit(t.Context(), nil))
	must(t, w.Close(t.Context()))
	must(t, sink.Recover(t.Context(), nil))
	if p.Committable != nil || p.State != nil || out.String() != "\"once\"\n" {
		t.Errorf("left %+v in the checkpoint and printed %q", p, out.String())
	}
}

// exclusive is a writer that notices when two calls overlap.
type exclusive struct {
	busy     atomic.Bool
	overlaps atomic.Int64
	bytes.Buffer
}

func (e *exclusive) Write(p []byte) (int, error) {
	if e.busy.Swap(true) {
		e.overlaps.Add(1)
		return len(p), nil
	}
	defer e.busy.Store(false)
	return e.Buffer.Write(p)
}

// Batches are larger than any buffer on the way, so that they reach the writer in several pieces.
func TestWritersTakeTurnsABatchAtATime(t *testing.T) {
	const writers, batches, rows = 4, 20, 300
	var out exclusive
	sink := print.To(&out, line)
	var all sync.WaitGroup
	for n := range writers {
		w := open(t, sink)
		all.Go(func() {
			for b := range batches {
				row := fmt.Sprintf("writer %d, batch %d: %s", n, b, strings.Repeat("=", 40))
				if err := w.Write(t.Context(), same(row, rows)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := out.overlaps.Load(); n > 0 {
		t.Fatalf("%d calls of the writer overlapped", n)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != writers*batches*rows {
		t.Fatalf("%d lines, want %d", len(lines), writers*batches*rows)
	}
	for i := 0; i < len(lines); i += rows {
		if slices.ContainsFunc(lines[i:i+rows], func(l string) bool { return l != lines[i] }) {
			t.Fatalf("another line is among those of %q", lines[i])
		}
	}
}

// same is a batch of one row many times.
func same(row string, times int) *flow.Batch[string] {
	return batch(slices.Repeat([]string{row}, times)...)
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAWriterThatFailsFailsTheTask(t *testing.T) {
	err := open(t, print.JSON[int](closedPipe{})).Write(t.Context(), batch(1))
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}

func TestARowWithoutJSONIsNamedInTheError(t *testing.T) {
	var out bytes.Buffer
	err := open(t, print.JSON[any](&out)).Write(t.Context(), batch[any](func() {}))
	_, ok := errors.AsType[*json.UnsupportedTypeError](err)
	if !ok || !strings.HasPrefix(err.Error(), "encode row ") {
		t.Errorf("%v", err)
	}
	if out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
}

func TestARestartedJobPrintsEveryRowAtLeastOnce(t *testing.T) {
	input := filepath.Join(t.TempDir(), "input.txt")
	must(t, os.WriteFile(input, []byte("a\nb\nc\n"), 0o644))
	var out bytes.Buffer
	var failed atomic.Bool
	job := aquifer.NewJob("test")
	lines := aquifer.From(job, "lines", file.Lines(input))
	rows := aquifer.FlatMap(lines, func(line *string, to aquifer.Collector[string]) error {
		if *line == "c" && !failed.Swap(true) {
			return errors.New("once")
		}
		to.Emit(*line)
		return nil
	})
	aquifer.To(rows, "out", print.To(&out, line))
	result, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 1})
	must(t, err)
	if result.Restarts != 1 || !strings.HasSuffix(out.String(), "a\nb\nc\n") {
		t.Errorf("after %d restarts printed %q", result.Restarts, out.String())
	}
}
