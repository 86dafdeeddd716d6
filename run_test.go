package aquifer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/pattern"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func identity(n *int64) int64 { return *n }

// counter emits how often its key has come.
type counter struct {
	count state.Value[int64]
	fail  func(n int64) error
}

func (c *counter) Open(s *state.Scope) (err error) {
	c.count, err = state.NewValue[int64](s, "count")
	return err
}

func (c *counter) Process(ctx *Context, in *int64, out Collector[string]) error {
	if c.fail != nil {
		if err := c.fail(*in); err != nil {
			return err
		}
	}
	n, _, err := c.count.Get(ctx)
	if err != nil {
		return err
	}
	out.Emit(fmt.Sprintf("%d has come %d times", Key[int64](ctx), n+1))
	return c.count.Set(ctx, n+1)
}

// countJob counts numbers by their last digit.
func countJob(source numbers, sink *collected[string], fail func(n int64) error) *Job {
	job := NewJob("count")
	s := From(job, "numbers", source, Monotonic(identity))
	byDigit := KeyBy(s, func(n *int64) int64 { return *n % 10 })
	counts := Process(byDigit, "count", func() ProcessFunc[int64, string] { return &counter{fail: fail} })
	To(counts, "out", sink)
	return job
}

// expectedCounts are the rows of countJob, sorted.
func expectedCounts(end int64) []string {
	var want []string
	for n := range end {
		want = append(want, fmt.Sprintf("%d has come %d times", n%10, n/10+1))
	}
	slices.Sort(want)
	return want
}

func mustRun(t *testing.T, job *Job, o RunOptions) Result {
	t.Helper()
	r, err := job.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sorted(rows []string) []string { return slices.Sorted(slices.Values(rows)) }

func TestAJobProcessesAllItsInput(t *testing.T) {
	for _, p := range []int{1, 2, 3, 8} {
		sink := newCollected[string]()
		r := mustRun(t, countJob(numbers{end: 5000, splits: 3, batch: 7}, sink, nil), RunOptions{Parallelism: p})
		if got := sorted(sink.rows()); !slices.Equal(got, expectedCounts(5000)) {
			t.Errorf("parallelism %d: %d rows", p, len(got))
		}
		if !r.Finished || r.RowsRead != 5000 {
			t.Errorf("parallelism %d: %+v", p, r)
		}
	}
}

func TestMistakesOfTheGraphAreReportedTogether(t *testing.T) {
	type float struct{ X float64 }
	job := NewJob("wrong")
	s := From(job, "numbers", numbers{end: 1, splits: 1, batch: 1})
	From(job, "numbers", numbers{end: 1, splits: 1, batch: 1}, With[int64](Parallelism(0)))
	KeyBy(s, func(n *int64) float { return float{float64(*n)} })
	Aggregate(KeyBy(s, identity), "windows", window.Tumbling(-time.Second), Count[int64]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1000})
	if base.KindOf(err) != base.Config {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{
		`the same uid "numbers"`, "parallelism 1000 is not between 1 and",
		`operator "numbers": parallelism 0 is not between 1 and the max parallelism, 256`,
		"float", "size is -1s: it must be positive", `the rows of "numbers" go nowhere`, `the rows of "windows" go nowhere`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestWhatIsNilIsAMistakeAndNoPanic(t *testing.T) {
	for want, build := range map[string]func(job *Job){
		`source "in" is nil`: func(job *Job) { To(From[int64](job, "in", nil), "out", newCollected[int64]()) },
		`sink "out" is nil`: func(job *Job) {
			To(From(job, "numbers", numbers{end: 1, splits: 1, batch: 1}), "out", flow.Sink[int64](nil))
		},
		`operator "p": its function panics`: func(job *Job) {
			keys := KeyBy(From(job, "numbers", numbers{end: 1, splits: 1, batch: 1}), identity)
			To(Process[int64, int64, int64](keys, "p", nil), "out", newCollected[int64]())
		},
		`operator "d": `: func(job *Job) {
			keys := KeyBy(From(job, "numbers", numbers{end: 1, splits: 1, batch: 1}), identity)
			found := Detect(keys, "d", pattern.Pattern[int64]{}, func(*pattern.Match[int64]) int64 { return 0 })
			To(found, "out", newCollected[int64]())
		},
	} {
		job := NewJob("nil")
		build(job)
		_, err := job.Run(t.Context(), RunOptions{})
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestANameIsNoIdentityWhereThereIsAUID(t *testing.T) {
	for _, options := range [][]Option{{Name("pretty"), UID("old")}, {UID("old"), Name("pretty")}} {
		job := NewJob("named")
		From(job, "numbers", numbers{}, With[int64](options...))
		if n := job.graph.Nodes[0]; n.UID != "old" || n.Name != "pretty" {
			t.Errorf("uid %q, name %q", n.UID, n.Name)
		}
	}
}

func TestBadOptionsAreReportedTogether(t *testing.T) {
	job := countJob(numbers{end: 1, splits: 1, batch: 1}, newCollected[string](), nil)
	_, err := job.Run(t.Context(), RunOptions{Retain: -1, Memory: -5, FlushAfter: -time.Second})
	for _, want := range []string{"retain -1", "memory -5", "flush after -1s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestAPanicOfUserCodeNamesOperatorKeyTimeAndStack(t *testing.T) {
	fail := func(n int64) error {
		if n == 1234 {
			panic("no such luck")
		}
		return nil
	}
	job := countJob(numbers{end: 5000, splits: 1, batch: 7}, newCollected[string](), fail)
	_, err := job.Run(t.Context(), RunOptions{Restarts: -1})
	for _, want := range []string{`operator "count"`, "key 4", "1970-01-01T00:00:01.234Z", "no such luck", "run_test.go"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestAFailingTaskGoesBackToTheLastCheckpoint(t *testing.T) {
	failures := 0
	fail := func(n int64) error {
		if n > 3000 && failures < 3 {
			failures++
			return errors.New("not now")
		}
		return nil
	}
	sink := newCollected[string]()
	r := mustRun(t, countJob(numbers{end: 5000, splits: 1, batch: 7}, sink, fail),
		RunOptions{Parallelism: 1, CheckpointInterval: time.Millisecond})
	if got := sorted(sink.rows()); !slices.Equal(got, expectedCounts(5000)) {
		t.Errorf("%d rows", len(got))
	}
	if r.Restarts != 3 {
		t.Errorf("%d restarts, want 3", r.Restarts)
	}
}

func TestAStoppedJobGoesOnAtAnyParallelism(t *testing.T) {
	store, sink := mem.New(), newCollected[string]()
	for i, p := range []int{1, 3, 2, 4, 1} {
		stop, gate := stopAt(int64(i+1)*1000 + 1) // which the last run does not come to
		r := mustRun(t, countJob(numbers{end: 5000, splits: 1, batch: 7, gate: gate}, sink, nil),
			RunOptions{Parallelism: p, objects: store, Stop: stop})
		if (r.ResumedFrom == 0) != (i == 0) {
			t.Fatalf("run %d: %+v", i, r)
		}
	}
	if got := sorted(sink.rows()); !slices.Equal(got, expectedCounts(5000)) {
		t.Errorf("%d rows", len(got))
	}
}

func TestEveryRetainedCheckpointRestoresByItself(t *testing.T) {
	store := mem.New()
	mustRun(t, countJob(numbers{end: 200_000, splits: 2, batch: 7}, newCollected[string](), nil),
		RunOptions{objects: store, CheckpointInterval: 2 * time.Millisecond, Retain: 5})
	restored := 0
	for from := uint64(1); ; from++ {
		sink := newCollected[string]()
		_, err := countJob(numbers{end: 200_000, splits: 2, batch: 1000}, sink, nil).
			Run(t.Context(), RunOptions{objects: store.Clone(), From: from, Restarts: -1})
		switch {
		case err == nil, strings.Contains(fmt.Sprint(err), "nothing was prepared"):
			restored++ // what it had prepared was prepared by another sink
		case strings.Contains(err.Error(), "has no checkpoint") && restored < 5 && from < 10_000:
		case strings.Contains(err.Error(), "has no checkpoint"):
			if restored != 5 {
				t.Errorf("%d checkpoints could be restored, want 5", restored)
			}
			return
		default:
			t.Fatalf("checkpoint %d: %v", from, err)
		}
	}
}

func TestAJobEndsWithItsContext(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	gate := func(next int64) error {
		if next > 1000 {
			cancel(cause)
		}
		return nil
	}
	_, err := countJob(numbers{end: 1 << 40, splits: 1, batch: 7, gate: gate}, newCollected[string](), nil).
		Run(ctx, RunOptions{})
	if !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

// objectsOf is the content of a store as text.
func objectsOf(t *testing.T, s objstore.Store) (text string) {
	t.Helper()
	for o, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := s.Get(t.Context(), o.Name)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("%s: %q\n", o.Name, data)
	}
	if text == "" {
		t.Fatal("the store is empty")
	}
	return text
}

func TestAnotherJobsStateIsRefused(t *testing.T) {
	store := mem.New()
	mustRun(t, countJob(numbers{end: 10, splits: 1, batch: 7}, newCollected[string](), nil), RunOptions{objects: store})
	job := NewJob("other")
	To(From(job, "numbers", numbers{end: 1, splits: 1, batch: 1}), "out", newCollected[int64]())
	before := objectsOf(t, store)
	_, err := job.Run(t.Context(), RunOptions{objects: store})
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), `the state of job "count", not of "other"`) {
		t.Errorf("%v", err)
	}
	if after := objectsOf(t, store); after != before {
		t.Error("the state was touched")
	}
}

func TestAStateInUseIsRefused(t *testing.T) {
	store := mem.New()
	release, err := store.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job := countJob(numbers{end: 10, splits: 1, batch: 7}, newCollected[string](), nil)
	_, err = job.Run(t.Context(), RunOptions{objects: store})
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "in use by another live process") {
		t.Errorf("%v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// renamed is counter with a state of another type.
type renamed struct{ count state.Value[string] }

func (c *renamed) Open(s *state.Scope) (err error) {
	c.count, err = state.NewValue[string](s, "count")
	return err
}

func (c *renamed) Process(*Context, *int64, Collector[string]) error { return nil }

func TestAChangedStateTypeIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	store := mem.New()
	mustRun(t, countJob(numbers{end: 10, splits: 1, batch: 7}, newCollected[string](), nil), RunOptions{objects: store})
	job := NewJob("count")
	s := From(job, "numbers", numbers{end: 10, splits: 1, batch: 7})
	rows := Process(KeyBy(s, identity), "count", func() ProcessFunc[int64, string] { return &renamed{} })
	To(rows, "out", newCollected[string]())
	before := objectsOf(t, store)
	_, err := job.Run(t.Context(), RunOptions{objects: store})
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), `"count"`) {
		t.Errorf("%v", err)
	}
	if after := objectsOf(t, store); after != before {
		t.Error("the state was touched")
	}
}

func TestACheckpointOfAJobThatNeverRanIsNotLookedForInANewDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	_, err := large("process", 10, nil, newCollected[string]()).Run(t.Context(), RunOptions{State: dir, From: 3})
	if base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory has been made: %v", err)
	}
}
