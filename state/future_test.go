package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// counting are tables that count the calls of Read and Scan.
type counting struct {
	*tables
	reads, keys, scans int
}

func (c *counting) Read(ctx context.Context, keys [][]byte, found func(int, []byte) error) error {
	c.reads, c.keys = c.reads+1, c.keys+len(keys)
	return c.tables.Read(ctx, keys, found)
}

func (c *counting) Scan(ctx context.Context, start, end []byte, visit func(k, v []byte) error) error {
	c.scans++
	return c.tables.Scan(ctx, start, end, visit)
}

// Get implements keyed.Yielding.
func (c *counting) Get(key []byte) (value []byte, there bool, err error) {
	return keyed.Get(context.Background(), c, key)
}

// Yield implements keyed.Yielding. Scans that are together here are counted one by one.
func (c *counting) Yield(read func(keyed.Below) error) error { return read(c.Below()) }

func (c *counting) Below() keyed.Below { return oneAtATime{c, make(chan struct{}, 1)} }

// oneAtATime lets tables be used by several goroutines.
type oneAtATime struct {
	*counting
	turn chan struct{}
}

func (o oneAtATime) Read(ctx context.Context, keys [][]byte, found func(int, []byte) error) error {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	return o.counting.Read(ctx, keys, found)
}

func (o oneAtATime) Scan(ctx context.Context, start, end []byte, visit func(k, v []byte) error) error {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	return o.counting.Scan(ctx, start, end, visit)
}

// chest is a state of each kind.
type chest struct {
	*desk
	below *counting
	m     Map[int64, string]
	l     List[string]
	r     Reducing[int64]
	a     Aggregating[int64, int64, string]
}

func openChest(t *testing.T, below *counting, checkpoint uint64, options ...Option) *chest {
	t.Helper()
	store := must(keyed.NewStore[string](keyed.Config{
		Name: "op", MaxParallelism: 4, Groups: base.KeyGroupRange{End: 4}, Below: below.tables, Yielding: below,
		Context: context.Background(), Restored: checkpoint > 0, Checkpoint: checkpoint,
	}))
	store.At(1000)
	d := &desk{t, store, NewScope(store), flow.NewContext(context.Background(), nil)}
	agg := flow.Aggregator[int64, int64, string]{
		Add:    func(acc *int64, row *int64) { *acc += *row },
		Merge:  func(into, from *int64) { *into += *from },
		Result: func(acc *int64) string { return fmt.Sprint("sum ", *acc) },
	}
	return &chest{
		desk: d, below: below, m: must(NewMap[int64, string](d.scope, "map", options...)),
		l: must(NewList[string](d.scope, "list", options...)),
		r: must(NewReducing(d.scope, "reducing", func(into, v *int64) { *into += *v }, options...)),
		a: must(NewAggregating(d.scope, "aggregating", agg, options...)),
	}
}

// below is a chest whose states have something for key "a" that is not in memory.
func below(t *testing.T, options ...Option) *chest {
	t.Helper()
	s := openChest(t, &counting{tables: &tables{}}, 0, options...)
	ctx := s.at("a")
	for n := range int64(900) {
		if err := s.m.Set(ctx, n, fmt.Sprint("entry ", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.l.Append(ctx, "x"), s.l.Append(ctx, "y"), s.r.Add(ctx, 5), s.a.Add(ctx, 7)); err != nil {
		t.Fatal(err)
	}
	f := s.store.Freeze()
	if err := f.WriteTo(s.below); err != nil {
		t.Fatal(err)
	}
	f.Done()
	s = openChest(t, s.below, 1, options...)
	s.at("a")
	s.read()
	return s
}

// read says what has been read since it was asked last.
func (s *chest) read() string {
	b := s.below
	text := fmt.Sprintf("%d keys in %d reads, %d scans", b.keys, b.reads, b.scans)
	b.keys, b.reads, b.scans = 0, 0, 0
	return text
}

func (s *chest) expectRead(want string) {
	s.t.Helper()
	if got := s.read(); got != want {
		s.t.Errorf("%s, want %s", got, want)
	}
}

func kindsOfTime(t *testing.T, story func(t *testing.T, options ...Option)) {
	t.Run("for ever", func(t *testing.T) { story(t) })
	t.Run("with a time-to-live", func(t *testing.T) { story(t, TTL(1e12)) })
}

func TestWhatARecordAsksForIsReadTogether(t *testing.T) {
	kindsOfTime(t, func(t *testing.T, options ...Option) {
		s := below(t, options...)
		ctx := s.ctx
		one, none := s.m.GetAsync(ctx, 1), s.m.GetAsync(ctx, 9999)
		rows, sum, result := s.l.AllAsync(ctx), s.r.GetAsync(ctx), s.a.GetAsync(ctx)
		s.expectRead("0 keys in 0 reads, 0 scans")
		if err := All(ctx, one, none, rows, sum, result); err != nil {
			t.Fatal(err)
		}
		s.expectRead("2 keys in 1 reads, 3 scans")
		if v, ok, err := one.Get(ctx); v != "entry 1" || !ok || err != nil {
			t.Errorf("%q, %v, %v", v, ok, err)
		}
		if _, ok, err := none.Get(ctx); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		all, _, err := rows.Get(ctx)
		if got := fmt.Sprint(slices.Collect(all)); got != "[x y]" || err != nil {
			t.Errorf("%s, %v", got, err)
		}
		n, _, _ := sum.Get(ctx)
		text, _, _ := result.Get(ctx)
		if n != 5 || text != "sum 7" {
			t.Errorf("%d, %s", n, text)
		}
		s.expectRead("0 keys in 0 reads, 0 scans")
	})
}

func TestWaitingForOneFutureWaitsForAllThatTheRecordHasAskedFor(t *testing.T) {
	s := below(t)
	first, second, whole := s.m.GetAsync(s.ctx, 1), s.m.GetAsync(s.ctx, 2), s.m.AllAsync(s.ctx)
	if v, ok, err := second.Get(s.ctx); v != "entry 2" || !ok || err != nil {
		t.Errorf("%q, %v, %v", v, ok, err)
	}
	s.expectRead("2 keys in 1 reads, 1 scans")
	if v, _, err := first.Get(s.ctx); v != "entry 1" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	n := 0
	entries, _, err := whole.Get(s.ctx)
	for range entries {
		n++
	}
	if n != 900 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	s.expectRead("0 keys in 0 reads, 0 scans")
}

func TestAFutureShowsWhatTheStateHasWhenItIsWaitedFor(t *testing.T) {
	s := below(t)
	f := s.m.GetAsync(s.ctx, 1)
	if err := s.m.Set(s.ctx, 1, "new"); err != nil {
		t.Fatal(err)
	}
	if v, _, err := f.Get(s.ctx); v != "new" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	s.expectRead("0 keys in 0 reads, 0 scans")
}

func TestMoreThanTheLimitIsReadInSeveralGoes(t *testing.T) {
	s := below(t)
	var futures []*Future[string]
	for n := range int64(2*flow.MaxReads + 1) {
		futures = append(futures, s.m.GetAsync(s.ctx, n))
	}
	if err := All(s.ctx); err != nil {
		t.Fatal(err)
	}
	s.expectRead("2049 keys in 3 reads, 0 scans")
	for n, f := range futures {
		v, there, err := f.Get(s.ctx)
		if there != (n < 900) || there && v != fmt.Sprint("entry ", n) || err != nil {
			t.Fatalf("%d: %q, %v", n, v, err)
		}
	}
	s.expectRead("0 keys in 0 reads, 0 scans")
}

func TestAFutureOfAnotherCallIsRefused(t *testing.T) {
	s := below(t)
	f := s.m.GetAsync(s.ctx, 1)
	s.at("a") // the next record, of the same key
	_, _, err := f.Get(s.ctx)
	if all := All(s.ctx, f); !errors.Is(err, flow.ErrOtherCall) || !errors.Is(all, flow.ErrOtherCall) {
		t.Errorf("%v; %v", err, all)
	}
	other := flow.NewContext(context.Background(), nil)
	slot, _ := s.ctx.Slot()
	other.Enter(slot, 1)
	if _, _, err := s.m.GetAsync(s.ctx, 1).Get(other); !errors.Is(err, flow.ErrOtherCall) {
		t.Errorf("with the Context of a record that is under way too: %v", err)
	}
	if err := All(s.ctx); err != nil {
		t.Error(err)
	}
	s.expectRead("1 keys in 1 reads, 0 scans") // what the first call did not wait for is forgotten
}

func TestAFutureOutsideACallIsRefused(t *testing.T) {
	s := below(t)
	early := s.m.GetAsync(s.ctx, 1)
	s.ctx.Leave()
	late := s.m.GetAsync(s.ctx, 1)
	for _, f := range []*Future[string]{early, late} {
		if _, _, err := f.Get(s.ctx); !errors.Is(err, flow.ErrOutsideCall) {
			t.Errorf("%v", err)
		}
	}
	if err := All(s.ctx); !errors.Is(err, flow.ErrOutsideCall) {
		t.Errorf("%v", err)
	}
	s.at("a")
	if _, _, err := late.Get(s.ctx); !errors.Is(err, flow.ErrOutsideCall) {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeReadFailsTheFutures(t *testing.T) {
	s := below(t)
	s.below.fail = errors.New("down")
	f := s.m.GetAsync(s.ctx, 1)
	if _, _, err := f.Get(s.ctx); err == nil || err.Error() != `operator "op": read state: down` {
		t.Errorf("%v", err)
	}
	s.below.fail = nil
	if v, _, err := f.Get(s.ctx); v != "entry 1" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

// prefetched reads what is named for the record of key "a".
func (s *chest) prefetched(name func(ctx *flow.Prefetch)) {
	s.t.Helper()
	slot, _ := s.ctx.Slot()
	ahead, key := s.store.NewAhead(), "a"
	ctx := flow.NewPrefetch(slot, 7, &key, ahead)
	name(&ctx)
	ctx.End()
	name(&ctx) // for nothing
	if err := errors.Join(ahead.Read(context.Background(), s.below.Below()), s.store.Take(ahead)); err != nil {
		s.t.Fatal(err)
	}
}

func TestWhatIsPrefetchedIsNotReadAgain(t *testing.T) {
	kindsOfTime(t, func(t *testing.T, options ...Option) {
		s := below(t, options...)
		s.prefetched(func(ctx *flow.Prefetch) {
			s.m.Prefetch(ctx, 1)
			s.m.Prefetch(ctx, 9999)
			s.l.Prefetch(ctx)
			s.r.Prefetch(ctx)
			s.a.Prefetch(ctx)
		})
		s.expectRead("2 keys in 1 reads, 3 scans")
		_, there, _ := s.m.Get(s.ctx, 1)
		_, none, _ := s.m.Get(s.ctx, 9999)
		rows, _ := s.l.Len(s.ctx)
		sum, _, _ := s.r.Get(s.ctx)
		result, _, _ := s.a.Get(s.ctx)
		if got := fmt.Sprint(there, none, rows, sum, result); got != "true false 2 5sum 7" {
			t.Errorf("%s", got)
		}
		s.expectRead("0 keys in 0 reads, 0 scans")
	})
}

func TestAMapIsPrefetchedAsAWhole(t *testing.T) {
	s := below(t)
	s.prefetched(s.m.PrefetchAll)
	s.expectRead("0 keys in 0 reads, 1 scans")
	if n := must(s.m.Len(s.ctx)); n != 900 {
		t.Errorf("%d entries", n)
	}
	s.expectRead("0 keys in 0 reads, 0 scans")
}

func TestNoMoreThanTheLimitIsPrefetchedForARecord(t *testing.T) {
	s := below(t)
	s.prefetched(func(ctx *flow.Prefetch) {
		for n := range int64(flow.MaxReads + 100) {
			s.m.Prefetch(ctx, n)
		}
	})
	s.expectRead("1024 keys in 1 reads, 0 scans")
}

func TestAPrefetchHasItsKeyAndItsTime(t *testing.T) {
	s := below(t)
	s.prefetched(func(ctx *flow.Prefetch) {
		if key := flow.Key[string](ctx); key != "a" || ctx.Time != 7 {
			t.Errorf("key %q at %d", key, ctx.Time)
		}
	})
}
