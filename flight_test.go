package aquifer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// distant is an object store whose state takes a while to be read.
type distant struct {
	objstore.Store
	wait time.Duration
}

func (d distant) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if strings.HasPrefix(name, "shards/") {
		select {
		case <-time.After(d.wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return d.Store.ReadAt(ctx, name, p, off)
}

// ledger is a function that remembers numbers in a map of their key, and looks at some of them.
type ledger struct {
	all     state.Map[int64, int64]
	recent  state.List[int64]
	process func(l *ledger, ctx *Context, n int64, out Collector[string]) error
}

func (l *ledger) Open(s *state.Scope) (err error) {
	if l.all, err = state.NewMap[int64, int64](s, "all"); err != nil {
		return err
	}
	l.recent, err = state.NewList[int64](s, "recent")
	return err
}

func (l *ledger) Process(ctx *Context, in *int64, out Collector[string]) error {
	return l.process(l, ctx, *in, out)
}

// note remembers a number.
func (l *ledger) note(ctx *Context, n int64) error {
	return errors.Join(l.all.Set(ctx, n/manyKeys, n), l.recent.Append(ctx, n))
}

// look tells what a key has by reading one thing after the other.
func look(l *ledger, ctx *Context, n int64, out Collector[string]) error {
	before, ok, err := l.all.Get(ctx, n/manyKeys-1)
	if err != nil {
		return err
	}
	rows, err := l.recent.Len(ctx)
	if err != nil {
		return err
	}
	out.Emit(fmt.Sprintln(n, before, ok, rows))
	return l.note(ctx, n)
}

// lookTogether tells the same by reading all at once.
func lookTogether(l *ledger, ctx *Context, n int64, out Collector[string]) error {
	entry, recent := l.all.GetAsync(ctx, n/manyKeys-1), l.recent.AllAsync(ctx)
	if err := state.All(ctx, entry, recent); err != nil {
		return err
	}
	before, ok, err := entry.Get(ctx)
	if err != nil {
		return err
	}
	all, _, err := recent.Get(ctx)
	if err != nil {
		return err
	}
	out.Emit(fmt.Sprintln(n, before, ok, len(slices.Collect(all))))
	return l.note(ctx, n)
}

// foreseen is a ledger that says what it will look at.
type foreseen struct{ ledger }

func (f *foreseen) Prefetch(ctx *Prefetch, in *int64) error {
	if Key[int64](ctx) != twice(in) || ctx.Time != *in {
		return fmt.Errorf("%d at %d of %d", Key[int64](ctx), ctx.Time, *in)
	}
	f.all.Prefetch(ctx, *in/manyKeys-1)
	f.recent.Prefetch(ctx)
	return nil
}

type newFunc = func() ProcessFunc[int64, string]

func ledgerOf(process func(*ledger, *Context, int64, Collector[string]) error) newFunc {
	return func() ProcessFunc[int64, string] { return &ledger{process: process} }
}

// ledgers is a job over the numbers below an end.
func ledgers(end int64, fn newFunc, gate func(int64) error, sink *collected[string], options ...Option) *Job {
	job := NewJob("ledgers")
	s := From(job, "numbers", numbers{end: end, splits: 1, batch: 500, gate: gate}, Monotonic(identity))
	To(Process(KeyBy(s, twice), "ledger", fn, options...), "out", sink)
	return job
}

// small are options of a run with little memory, over a distant store.
func small(store objstore.Store) RunOptions {
	return RunOptions{
		Parallelism: 1, MaxParallelism: 8, Memory: someMemory, CheckpointInterval: 20 * time.Millisecond,
		Restarts: -1, objects: distant{store, 100 * time.Microsecond},
	}
}

const ledgerEnd = manyKeys + manyKeys/20

func TestHoweverStateIsReadTheResultIsTheSame(t *testing.T) {
	want := newCollected[string]()
	mustRun(t, ledgers(ledgerEnd, ledgerOf(look), nil, want), RunOptions{Parallelism: 1, CheckpointInterval: -1})
	for name, c := range map[string]struct {
		fn      newFunc
		options []Option
	}{
		"one after the other": {ledgerOf(look), nil},
		"together":            {ledgerOf(lookTogether), nil},
		"one row in flight":   {ledgerOf(lookTogether), []Option{InFlight(1)}},
		"relaxed":             {ledgerOf(look), []Option{RelaxedWatermarks(), InFlight(64)}},
		"first access":        {ledgerOf(look), []Option{FirstAccessOrder()}},
		"ahead": {func() ProcessFunc[int64, string] { return &foreseen{ledger{process: look}} },
			[]Option{InFlight(0)}},
	} {
		if testing.Short() && (name == "one row in flight" || name == "one after the other") {
			continue // they wait for one read after the other
		}
		t.Run(name, func(t *testing.T) {
			got := newCollected[string]()
			mustRun(t, ledgers(ledgerEnd, c.fn, nil, got, c.options...), small(mem.New()))
			if !slices.Equal(sorted(got.rows()), sorted(want.rows())) {
				t.Errorf("%d rows, want %d", len(got.rows()), len(want.rows()))
			}
		})
	}
}

// goOn runs ledgers, and goes on from their checkpoint with another function.
func goOn(t *testing.T, ctx context.Context, fn newFunc, change func(o *RunOptions), options ...Option) error {
	t.Helper()
	store, sink := mem.New(), newCollected[string]()
	stop, gate := stopAt(manyKeys / 2)
	o := small(store)
	o.Stop, o.CheckpointInterval = stop, -1
	mustRun(t, ledgers(ledgerEnd, ledgerOf(look), gate, sink), o)
	o = small(store)
	o.CheckpointInterval = -1
	if change != nil {
		change(&o)
	}
	_, err := ledgers(ledgerEnd, fn, nil, sink, options...).Run(ctx, o)
	return err
}

func TestAJobGoesOnWithAnotherNumberOfRowsInFlight(t *testing.T) {
	if err := goOn(t, t.Context(), ledgerOf(look), nil, InFlight(3), RelaxedWatermarks()); err != nil {
		t.Error(err)
	}
}

// elsewhere reads an entry on another goroutine, and waits for that.
func elsewhere(read func(l *ledger, ctx *Context) error) newFunc {
	return ledgerOf(func(l *ledger, ctx *Context, n int64, _ Collector[string]) error {
		result := make(chan error)
		go func() { result <- read(l, ctx) }()
		return <-result
	})
}

func TestStateThatAnotherGoroutineReadsIsRefusedAndNotWaitedForForEver(t *testing.T) {
	for name, read := range map[string]func(l *ledger, ctx *Context) error{
		"an entry": func(l *ledger, ctx *Context) error { _, _, err := l.all.Get(ctx, 0); return err },
		"a list":   func(l *ledger, ctx *Context) error { _, err := l.recent.Len(ctx); return err },
		"a future": func(l *ledger, ctx *Context) error { _, _, err := l.all.GetAsync(ctx, 0).Get(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			err := goOn(t, t.Context(), elsewhere(read), nil)
			wantError(t, err, `operator "ledger"`)
			wantError(t, err, "state is used on a goroutine that is not the one the function was called on")
		})
	}
}

// A row that holds a lock gives its turn away when it waits for state; the next one waits for the lock, and keeps the turn.
func TestALockThatARowHoldsWhileItReadsStateIsAnErrorAndNoWaitForEver(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		lock := make(chan struct{}, 1) // virtual time does not pass while a mutex is waited for
		unlock := func() {
			select {
			case <-lock:
			default: // the test has
			}
		}
		begin := time.Now()
		err := goOn(t, t.Context(), ledgerOf(func(l *ledger, ctx *Context, _ int64, _ Collector[string]) error {
			lock <- struct{}{}
			defer unlock()
			_, _, err := l.all.Get(ctx, 0)
			return err
		}), nil)
		for _, part := range []string{`operator "ledger": user code does not return`, "does a row hold a lock", "flight_test.go"} {
			wantError(t, err, part)
		}
		if took := time.Since(begin); took > 2*time.Minute {
			t.Errorf("it took %v", took)
		}
		unlock() // nobody has waited for who waits for it
	})
}

func TestAFutureThatIsKeptForTheNextCallIsRefused(t *testing.T) {
	var kept *state.Future[int64]
	err := goOn(t, t.Context(), ledgerOf(func(l *ledger, ctx *Context, n int64, _ Collector[string]) error {
		if kept == nil {
			kept = l.all.GetAsync(ctx, 0)
			return nil
		}
		_, _, err := kept.Get(ctx)
		return err
	}), nil)
	wantError(t, err, "a Future is used in another call")
}

func TestAPanicBehindARecordsWaitNamesItsKeyAndTime(t *testing.T) {
	err := goOn(t, t.Context(), ledgerOf(func(l *ledger, ctx *Context, n int64, _ Collector[string]) error {
		if _, _, err := l.all.Get(ctx, 0); err != nil {
			return err
		}
		if n == manyKeys+7 {
			panic("behind the wait")
		}
		return nil
	}), nil)
	at := time.UnixMilli(manyKeys + 7).UTC().Format(time.RFC3339Nano)
	for _, part := range []string{`operator "ledger"`, "key 7,", "event time " + at,
		"panic: behind the wait", "flight_test.go"} {
		wantError(t, err, part)
	}
}

// careless panics before any record is processed.
type careless struct{ ledger }

func (careless) Prefetch(*Prefetch, *int64) error { panic("in vain") }

func TestAPanicInPrefetchFailsTheJobAsAnyOther(t *testing.T) {
	err := goOn(t, t.Context(), func() ProcessFunc[int64, string] { return &careless{ledger{process: look}} }, nil)
	wantError(t, err, `operator "ledger"`)
	wantError(t, err, "panic: in vain")
}

// stuck answers no read of state before the reader gives up, and tells of the first.
type stuck struct {
	objstore.Store
	asked chan struct{}
}

func (s stuck) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if !strings.HasPrefix(name, "shards/") {
		return s.Store.ReadAt(ctx, name, p, off)
	}
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestAJobIsCancelledWhileItsRecordsWait(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	ended, asked := errors.New("it is enough"), make(chan struct{}, 1)
	go func() { <-asked; cancel(ended) }()
	err := goOn(t, ctx, ledgerOf(lookTogether), func(o *RunOptions) { o.objects = stuck{o.objects, asked} })
	if err == nil || ctx.Err() == nil {
		t.Errorf("it ended by itself: %v", err)
	}
}

func TestOptionsOfRowsInFlightAreRefusedWhereNoneIs(t *testing.T) {
	job := NewJob("numbers")
	s := From(job, "numbers", numbers{end: 1, splits: 1, batch: 1})
	To(Map(s, func(n *int64) string { return fmt.Sprint(*n) }, Name("show"), InFlight(4),
		RelaxedWatermarks(), FirstAccessOrder()), "out", newCollected[string]())
	_, err := job.Run(t.Context(), RunOptions{})
	wantError(t, err, `operator "show" has no keyed state, so no row of it is ever in flight: leave out InFlight`)
	wantError(t, err, "leave out RelaxedWatermarks")
	wantError(t, err, "leave out FirstAccessOrder")
}
