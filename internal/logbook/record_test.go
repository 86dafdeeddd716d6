package logbook

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/coordinator"
)

// line is a record as a text handler writes it, without the time.
func line(r Record) string {
	var b bytes.Buffer
	Write(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})), []Record{r})
	return strings.TrimSuffix(b.String(), "\n")
}

func lines(records []Record) (all []string) {
	for _, r := range records {
		all = append(all, line(r))
	}
	return all
}

var errOops = errors.New("oops\n at 1")

// events are some of each type that has a record, with that record.
var events = []struct {
	event coordinator.Event
	want  string
}{
	{coordinator.Resumed{Checkpoint: 7, Taken: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		`level=INFO msg=resumed checkpoint=7 taken=2026-01-02T03:04:05.000Z`},
	{coordinator.Started{Attempt: 2, Checkpoint: 7, Took: 1500 * time.Millisecond},
		`level=INFO msg="tasks started" attempt=2 checkpoint=7 restore_seconds=1.5`},
	{coordinator.SourcesEnded{}, `level=INFO msg="sources ended"`},
	{coordinator.CheckpointStored{Checkpoint: 8, Reason: "end", Duration: time.Second / 4, Bytes: 300, NewBytes: 20, Overtaken: 7},
		`level=INFO msg="checkpoint completed" checkpoint=8 reason=end seconds=0.25 bytes=300 new_bytes=20 overtaken_bytes=7`},
	{coordinator.CheckpointCommitted{Checkpoint: 8}, `level=DEBUG msg="checkpoint committed" checkpoint=8`},
	{coordinator.ControlServed{Socket: "/run/x.sock"}, `level=INFO msg="control served" socket=/run/x.sock`},
	{coordinator.ControlFailed{Err: errOops}, `level=WARN msg="control not served" error="oops\n at 1"`},
	{coordinator.CheckpointFailed{Checkpoint: 9, Err: errOops},
		`level=WARN msg="checkpoint failed" checkpoint=9 error="oops\n at 1"`},
	{coordinator.Restarting{Err: errOops, After: 100 * time.Millisecond},
		`level=WARN msg=restarting pause_seconds=0.1 error="oops\n at 1"`},
	{coordinator.Restarting{Err: errOops, After: 100 * time.Millisecond, Operators: []string{"a", "b"}},
		`level=WARN msg="restarting a part" pause_seconds=0.1 error="oops\n at 1" operators="[a b]"`},
	{coordinator.CollectionFailed{Err: errOops},
		`level=WARN msg="deletion of unneeded objects failed" error="oops\n at 1"`},
	{coordinator.CacheFailed{Err: errOops}, `level=WARN msg="disk cache failed" error="oops\n at 1"`},
	{coordinator.MetricsServed{URL: "http://127.0.0.1:9/metrics"},
		`level=INFO msg="metrics served" url=http://127.0.0.1:9/metrics`},
}

func TestEachEventHasARecord(t *testing.T) {
	for _, c := range events {
		r, ok := Of(c.event)
		if got := line(r); !ok || got != c.want {
			t.Errorf("%T: %s, want %s", c.event, got, c.want)
		}
	}
	if r, ok := Of(coordinator.Progress{}); ok {
		t.Errorf("progress has %s", line(r))
	}
}

// outcomes are those of runs, with their records.
var outcomes = []struct {
	result coordinator.Result
	err    error
	want   string
}{
	{coordinator.Result{Finished: true, LastCheckpoint: 3, RowsRead: 10, Restarts: 1}, nil,
		`level=INFO msg="job finished" checkpoint=3 rows_read=10 restarts=1`},
	{coordinator.Result{LastCheckpoint: 3}, nil, `level=INFO msg="job stopped" checkpoint=3 rows_read=0 restarts=0`},
	{coordinator.Result{Restarts: 2}, fmt.Errorf("%w, after: %w", coordinator.ErrStopped, errOops),
		`level=WARN msg="job stopped before a restart" checkpoint=0 rows_read=0 restarts=2 ` +
			`error="stopped before a restart, after: oops\n at 1"`},
	{coordinator.Result{}, errOops,
		`level=ERROR msg="job failed" checkpoint=0 rows_read=0 restarts=0 error="oops\n at 1"`},
}

func TestTheEndOfARunHasARecord(t *testing.T) {
	for _, c := range outcomes {
		if got := line(Outcome(c.result, c.err)); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// row is a record as docs/operations.md lists it.
func row(r Record) string {
	var names []string
	for _, a := range r.Attrs {
		names = append(names, "`"+a.Key+"`")
	}
	return fmt.Sprintf("\n| `%s` | %s | %s | ", r.Message, r.Level, strings.Join(names, ", "))
}

// messages are the texts that the sources of the package give to function record.
func messages(t *testing.T) (all []string) {
	t.Helper()
	for _, file := range []string{"record.go", "logbook.go", "numbers.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "record" {
				return true
			}
			message, err := strconv.Unquote(call.Args[1].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, message)
			return true
		})
	}
	return all
}

func TestTheDocumentListsEveryRecordAndNoOther(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []Record
	for _, c := range events {
		r, _ := Of(c.event)
		all = append(all, r)
	}
	for _, c := range outcomes {
		all = append(all, Outcome(c.result, c.err))
	}
	for _, c := range stories {
		all = append(all, c.records()...)
	}
	shown := map[string]bool{}
	for _, r := range all {
		shown[r.Message] = true
		if !strings.Contains(string(text), row(r)) {
			t.Errorf("docs/operations.md has no line that begins with%s", row(r))
		}
	}
	written := messages(t)
	for _, m := range written {
		if !shown[m] {
			t.Errorf("no test makes a record %q", m)
		}
	}
	slices.Sort(written)
	want := len(slices.Compact(written))
	if got := strings.Count(string(text), " | INFO | ") + strings.Count(string(text), " | WARN | ") +
		strings.Count(string(text), " | ERROR | ") + strings.Count(string(text), " | DEBUG | "); got != want {
		t.Errorf("docs/operations.md has %d lines about records, there are %d", got, want)
	}
}
