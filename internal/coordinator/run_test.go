package coordinator

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// The stories of this package run on a clock that jumps: pauses take no time and their lengths are exact.

// The source of a story has a row each rowEvery, and never at the time of a checkpoint.
const (
	rowEvery = 100 * time.Millisecond
	firstRow = 50 * time.Millisecond
)

// story is a job of one source and one sink, whose steps can be made to fail, and what was heard of it.
type story struct {
	Config
	// at, if not nil, is asked at each step of the job: discover, read, prepare, commit, recover, close.
	at func(step string) error
	// rows is the number of rows in the source; 0 for no end.
	rows int64

	mu     sync.Mutex
	heard  []string
	result Result
}

func newStory(objects objstore.Store) *story {
	s := &story{}
	s.Config = Config{
		Objects: objects, Budget: keyed.NewBudget(0), BlockCache: 1 << 20, Interval: time.Second, Timeout: 10 * time.Second,
		Tolerated: 1, Retain: 2, OnEvent: s.hear,
	}
	return s
}

func (s *story) step(step string) error {
	if s.at == nil {
		return nil
	}
	return s.at(step)
}

// run plans and runs the job.
func (s *story) run(ctx context.Context) error {
	g := &plan.Graph{Name: "orders"}
	rows := operator.RowTypeOf[int64]()
	in := g.Add(&plan.Node{UID: "in", Name: "In", Outputs: []operator.RowType{rows}})
	in.Source = &plan.Source{Discover: s.Discover}
	in.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		config := operator.SourceConfig[int64]{Source: s}
		return operator.NewSource(env, operator.As[int64](out[0]), nil, config), nil
	}
	sink := recorder{s}
	out := g.Add(&plan.Node{UID: "out", Name: "Out"})
	out.Inputs = []plan.Edge{{From: in, Exchange: operator.Rebalance}}
	out.Sink = &plan.Sink{Recover: sink.Recover, Commit: sink.Commit}
	out.Make = func(env *operator.Env, _ []any) (operator.Operator, error) {
		return operator.NewSink[int64](env, sink), nil
	}
	var err error
	if s.Plan, err = plan.Compile(g, plan.Options{Parallelism: 1, MaxParallelism: 8}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Hour) // a job that does not end is found out
	defer cancel()
	s.result, err = Run(ctx, s.Config)
	return err
}

// hear notes an event as the stories show it.
func (s *story) hear(e Event) {
	switch e := e.(type) {
	case Resumed:
		s.note("resumed from %d", e.Checkpoint)
	case CheckpointStored:
		s.note("stored %d %s", e.Checkpoint, e.Reason)
	case CheckpointCommitted:
		s.note("committed %d", e.Checkpoint)
	case CheckpointFailed:
		s.note("failed %d: %v", e.Checkpoint, e.Err)
	case Restarting:
		s.note("restarting after %v", e.After)
	case CollectionFailed:
		s.note("collection failed: %v", e.Err)
	}
}

func (s *story) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, fmt.Sprintf(format, args...))
}

// told are the notes that begin with one of the words.
func (s *story) told(words ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.heard), func(note string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(note, w) })
	})
}

// mustTell checks what was heard that begins with one of the words.
func (s *story) mustTell(t *testing.T, want []string, words ...string) {
	t.Helper()
	if got := s.told(words...); !slices.Equal(got, want) {
		t.Errorf("heard\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Discover implements flow.Source.
func (s *story) Discover(context.Context, flow.Known) (flow.Discovery, error) {
	return flow.Discovery{Splits: []flow.Split{{ID: "split"}}}, s.step("discover")
}

// Open implements flow.Source.
func (s *story) Open(_ context.Context, split flow.Split) (flow.Reader[int64], error) {
	r := &reader{story: s, due: time.Now().Add(firstRow)}
	var err error
	if split.Position != nil {
		r.next, err = strconv.ParseInt(string(split.Position), 10, 64)
	}
	s.note("reading from %d", r.next)
	return r, err
}

// reader has a row every so often.
type reader struct {
	story *story
	next  int64
	due   time.Time
}

func (r *reader) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	if time.Now().Before(r.due) {
		return flow.Wait, nil
	}
	if r.story.rows > 0 && r.next >= r.story.rows {
		return flow.End, nil
	}
	if err := r.story.step("read"); err != nil {
		return flow.End, err
	}
	out.Append(r.next, r.next)
	r.next++
	r.due = time.Now().Add(rowEvery)
	return flow.Wait, nil
}

func (r *reader) Ready() <-chan struct{} {
	ready := make(chan struct{})
	time.AfterFunc(time.Until(r.due), func() { close(ready) })
	return ready
}

func (r *reader) Position() []byte { return strconv.AppendInt(nil, r.next, 10) }
func (r *reader) Close() error     { return nil }

// recorder is a sink that prepares the number of the last row it was given.
type recorder struct{ *story }

func (r recorder) Recover(_ context.Context, committables [][]byte) error {
	r.note("recovered %s", committables)
	return r.step("recover")
}

func (r recorder) Commit(_ context.Context, committables [][]byte) error {
	r.note("committing %s", committables)
	return r.step("commit")
}

func (r recorder) Open(context.Context, flow.SinkSubtask) (flow.Writer[int64], error) {
	return &recorderWriter{story: r.story, last: -1}, nil
}

type recorderWriter struct {
	story *story
	last  int64
}

func (w *recorderWriter) Write(_ context.Context, b *flow.Batch[int64]) error {
	w.last = b.Rows[len(b.Rows)-1]
	return nil
}

func (w *recorderWriter) Prepare(context.Context, uint64) (flow.Prepared, error) {
	return flow.Prepared{Committable: strconv.AppendInt(nil, w.last, 10)}, w.story.step("prepare")
}

func (w *recorderWriter) Close(context.Context) error { return w.story.step("close") }

// failing makes some of the steps of a kind fail, counted from 1.
func failing(kind string, which func(n int) error) func(string) error {
	var mu sync.Mutex
	n := 0
	return func(step string) error {
		if step != kind {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		return which(n)
	}
}

var errBroken = errors.New("broken")

func always(int) error { return errBroken }

func TestAJobThatEndsTakesALastCheckpointAndCommitsIt(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStory(mem.New())
		s.rows = 15
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.mustTell(t, []string{
			"recovered []", "reading from 0",
			"stored 1 periodic", "committing [9]", "committed 1",
			"stored 2 end", "committing [14]", "committed 2",
		}, "")
		want := Result{Finished: true, LastCheckpoint: 2, CheckpointsCompleted: 2, RowsRead: 15}
		s.result.Metrics = nil
		if !reflect.DeepEqual(s.result, want) {
			t.Errorf("%+v, want %+v", s.result, want)
		}
	})
}

func TestAStoppedJobGoesOnWhereItWas(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := mem.New()
		stop := make(chan struct{})
		time.AfterFunc(1500*time.Millisecond, func() { close(stop) })
		first := newStory(objects)
		first.Stop = stop
		if err := first.run(t.Context()); err != nil || first.result.Finished {
			t.Fatalf("%+v, %v", first.result, err)
		}
		first.mustTell(t, []string{"stored 1 periodic", "stored 2 stop"}, "stored")
		next := newStory(objects)
		next.rows = 20
		if err := next.run(t.Context()); err != nil || !next.result.Finished || next.result.ResumedFrom != 2 {
			t.Fatalf("%+v, %v", next.result, err)
		}
		next.mustTell(t, []string{
			"resumed from 2", "recovered [14]", "reading from 15", "stored 3 end", "committing [19]", "committed 3",
		}, "")
	})
}
