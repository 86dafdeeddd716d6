package aquifer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

// diary keeps state of every kind for its key, and now and then tells all of it.
type diary struct {
	count state.Value[int64]
	rows  state.List[int64]
	marks state.Map[int64, int64]
	total state.Reducing[int64]
}

func (d *diary) Open(s *state.Scope) (err error) {
	var errs [4]error
	d.count, errs[0] = state.NewValue[int64](s, "count")
	d.rows, errs[1] = state.NewList[int64](s, "rows")
	d.marks, errs[2] = state.NewMap[int64, int64](s, "marks")
	d.total, errs[3] = state.NewReducing(s, "total", func(into, n *int64) { *into += *n })
	return errors.Join(errs[:]...)
}

func (d *diary) Process(ctx *Context, in *int64, out Collector[string]) error {
	count, _, err := d.count.Get(ctx)
	if err != nil {
		return err
	}
	count++
	err = errors.Join(
		d.count.Set(ctx, count), d.rows.Append(ctx, *in), d.marks.Set(ctx, *in%3, *in), d.total.Add(ctx, *in),
		ctx.RegisterEventTimer(*in+7),
	)
	if err != nil || count%3 > 0 {
		return err
	}
	if err := d.tell(ctx, count, out); err != nil || count%6 > 0 {
		return err
	}
	return errors.Join(d.rows.Clear(ctx), d.marks.Remove(ctx, *in%3), d.total.Clear(ctx))
}

func (d *diary) tell(ctx *Context, count int64, out Collector[string]) error {
	rows, err := d.rows.All(ctx)
	if err != nil {
		return err
	}
	marks, err := d.marks.All(ctx)
	if err != nil {
		return err
	}
	total, _, err := d.total.Get(ctx)
	out.Emit(fmt.Sprintf("%d: %d %v %v %d", Key[int64](ctx), count, slices.Collect(rows), maps.Collect(marks), total))
	return err
}

func (d *diary) OnTimer(ctx *Context, timer Timer, out Collector[string]) error {
	out.Emit(fmt.Sprintf("%d rang at %d", Key[int64](ctx), ctx.Time))
	return nil
}

// diaryKeys is even: the numbers of a key come from one of the two splits, and so in order.
const diaryKeys, diaryEnd = 20, 180

// diaryJob has a function and windows over the same keys.
func diaryJob(source numbers, sink *collected[string]) *Job {
	job := NewJob("diary")
	byKey := KeyBy(From(job, "numbers", source, Monotonic(identity)), func(n *int64) int64 { return *n % diaryKeys })
	told := Process(byKey, "diary", func() ProcessFunc[int64, string] { return &diary{} })
	counts := Aggregate(byKey, "windows", window.Tumbling(ms(30)), Count[int64]())
	shown := Map(counts, func(w *Windowed[int64, int64]) string { return fmt.Sprint(*w) })
	To(Union(told, shown), "out", sink)
	return job
}

// lifetime is that of a process which runs diaryJob.
type lifetime struct {
	store *audit
	sink  *collected[string]
	// last hears of each request and chooses the one before or after which the process dies.
	last func(op fault.Op, name string) fault.Fault
	die  context.CancelFunc

	mu   sync.Mutex
	dead bool
}

var errDead = errors.New("the process is dead")

// request is what becomes of a request.
func (l *lifetime) request(op fault.Op, name string, _ int) fault.Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return fault.Before
	}
	f := fault.None
	if l.last != nil {
		f = l.last(op, name)
	}
	if l.dead = f != fault.None; l.dead {
		l.die()
	}
	return f
}

// outside is what the sink asks, whose steps are no requests to the store.
func (l *lifetime) outside(string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errDead
	}
	return nil
}

// run runs the job with little memory: it writes early, forgets what it has written, and reads it again.
func (l *lifetime) run(t *testing.T) (finished bool, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.die, l.sink.fault = cancel, l.outside
	pace := func(int64) error { <-time.After(300 * time.Microsecond); return nil }
	job := diaryJob(numbers{end: diaryEnd, splits: 2, batch: 6, gate: pace}, l.sink)
	physical, err := plan.Compile(&job.graph, plan.Options{Parallelism: 2, MaxParallelism: 8})
	if err != nil {
		return false, err
	}
	requests := &Requests{}
	var asking sync.WaitGroup
	defer asking.Wait()
	r, err := coordinator.Run(ctx, coordinator.Config{
		Requests: requests, OnEvent: savepoints(ctx, requests, &asking), Plan: physical, Objects: fault.New(l.store, l.request),
		Budget: keyed.NewBudget(1), MaxDirty: 1 << 10, BlockCache: 1 << 20,
		Interval: time.Millisecond, Timeout: time.Minute, Retain: 2, FlushAfter: 50 * time.Microsecond,
	})
	return r.Finished, err
}

// savepoints has one taken behind every fourth checkpoint.
func savepoints(ctx context.Context, r *Requests, asking *sync.WaitGroup) func(Event) {
	return func(e Event) {
		if c, ok := e.(CheckpointStored); ok && c.Checkpoint%4 == 1 {
			asking.Go(func() { _, _ = r.Savepoint(ctx) }) // it is refused when the job ends or dies
		}
	}
}

// diaryRows are the rows of a job that nothing disturbs.
func diaryRows(t *testing.T) (want []string, seen map[string]int) {
	t.Helper()
	seen = map[string]int{}
	bubble.Test(t, func(t *testing.T) {
		l := &lifetime{store: newAudit(), sink: newCollected[string]()}
		l.last = func(op fault.Op, name string) fault.Fault {
			seen[string(op)]++
			if op == fault.Put && strings.HasPrefix(name, "savepoints/") {
				seen["savepoint"]++
			}
			if op == fault.Finish && strings.Contains(name, ".shard/") {
				seen["compaction"]++
			}
			return fault.None
		}
		finished, err := l.run(t)
		if err != nil || !finished {
			t.Fatal(finished, err)
		}
		want = sorted(l.sink.rows())
		if wrong := l.store.collect(t, "diary"); wrong != "" {
			t.Fatal(wrong)
		}
	})
	return want, seen
}

// crash lets a process die at the n-th request, or with the n-th that writes, which takes effect. It says what is
// wrong with what the process leaves, or with what becomes of it. It is over when there is no n-th request.
func crash(t *testing.T, n int, takesEffect bool, want []string, bug func(*audit)) (wrong string, over bool) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		first := &lifetime{store: newAudit(), sink: newCollected[string]()}
		if bug != nil {
			bug(first.store)
		}
		first.last = dying(n, takesEffect)
		over, _ = first.run(t)
		left := first.store.clone()
		if wrong = left.collect(t, "diary"); wrong != "" {
			return
		}
		second := &lifetime{store: first.store, sink: first.sink}
		if n%2 == 0 {
			second.store = left // and what has been collected
		}
		finished, err := second.run(t)
		switch got := sorted(second.sink.rows()); {
		case err != nil || !finished:
			wrong = fmt.Sprintf("the next run ended with %v, finished is %v", err, finished)
		case !slices.Equal(got, want):
			wrong = fmt.Sprintf("%d rows, want %d", len(got), len(want))
		default:
			wrong = second.store.collect(t, "diary")
		}
	})
	return wrong, over
}

// dying ends a process. Parts of an object that is being written leave no trace, and are no requests. Nor does one
// read of state after another.
func dying(n int, takesEffect bool) func(fault.Op, string) fault.Fault {
	var before fault.Op
	return func(op fault.Op, _ string) fault.Fault {
		again := op == fault.ReadAt && before == op
		before = op
		if op == fault.Write || again || takesEffect && !op.Writes() {
			return fault.None
		}
		if n--; n > 0 {
			return fault.None
		}
		if takesEffect {
			return fault.After
		}
		return fault.Before
	}
}

func TestAJobThatDiesAtAnyRequestGoesOnAsIfNothingHadHappened(t *testing.T) {
	want, seen := diaryRows(t)
	for _, op := range []string{"read", "delete", "swap", "finish", "compaction", "savepoint"} {
		if seen[op] == 0 {
			t.Errorf("there is no %s in the story: %v", op, seen)
		}
	}
	t.Logf("%d rows, requests %v", len(want), seen)
	step := 1
	if testing.Short() {
		step = 9
	}
	for name, takesEffect := range map[string]bool{"before a request": false, "after a request that writes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n += step {
				wrong, over := crash(t, n, takesEffect, want, nil)
				if wrong != "" {
					t.Fatalf("request %d: %s", n, wrong)
				}
				if over {
					t.Logf("%d requests", n-1)
					break
				}
			}
		})
	}
}

func TestTheCrashTestFindsPlantedBugs(t *testing.T) {
	want, _ := diaryRows(t)
	for name, c := range map[string]struct {
		bug  func(*audit)
		find string
	}{
		"forgets what checkpoints reach when it deletes": {func(a *audit) { a.hidden = true }, "object not found"},
		"says that tables are durable when they are not": {func(a *audit) { a.lost = true }, "object not found"},
	} {
		found := ""
		for n := 1; n < 100 && found == ""; n += 10 {
			found, _ = crash(t, n, false, want, c.bug)
		}
		if !strings.Contains(found, c.find) {
			t.Errorf("a job that %s: found %q, want %q", name, found, c.find)
		}
	}
}
