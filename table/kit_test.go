package table_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/table"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// item is a row of the tables of tests.
type item struct {
	Key, N int64
	Tag    string
}

func itemKey(i *item) int64 { return i.Key }

type (
	change = aquifer.Change[item]
	keyed  = aquifer.KeyedStream[int64, change]
)

// tape is a source of changes, some at each millisecond. Their event time is the number of their row.
type tape []change

func (s tape) Discover(_ context.Context, known flow.Known) (d flow.Discovery, err error) {
	if !known.Has("tape") {
		d.Splits = []flow.Split{{ID: "tape", Bounded: true}}
	}
	return d, nil
}

func (s tape) Open(_ context.Context, split flow.Split) (flow.Reader[change], error) {
	r := &tapeReader{changes: s}
	if split.Position == nil {
		return r, nil
	}
	var err error
	r.next, err = strconv.Atoi(string(split.Position))
	return r, err
}

type tapeReader struct {
	changes []change
	next    int
}

func (r *tapeReader) Read(_ context.Context, out *flow.Batch[change]) (flow.Status, error) {
	<-time.After(time.Millisecond)
	for n := 1 + r.next%3; n > 0 && r.next < len(r.changes); n-- {
		out.Append(r.changes[r.next], r.changes[r.next].Row.N)
		r.next++
	}
	if r.next == len(r.changes) {
		return flow.End, nil
	}
	return flow.More, nil
}

func (r *tapeReader) Position() []byte       { return strconv.AppendInt(nil, int64(r.next), 10) }
func (r *tapeReader) Ready() <-chan struct{} { return nil }
func (r *tapeReader) Close() error           { return nil }

// paper is a sink in memory, that shows rows when they are committed.
type paper[T any] struct {
	mu       sync.Mutex
	prepared [][]T
	shown    map[string][]T
	order    []string
}

func newPaper[T any]() *paper[T] { return &paper[T]{shown: map[string][]T{}} }

func (p *paper[T]) Recover(ctx context.Context, done [][]byte) error { return p.Commit(ctx, done) }

func (p *paper[T]) Commit(_ context.Context, done [][]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range done {
		id := string(d)
		at, err := strconv.Atoi(id)
		if err != nil {
			return err
		}
		if _, again := p.shown[id]; !again {
			p.shown[id], p.order = p.prepared[at], append(p.order, id)
		}
	}
	return nil
}

func (p *paper[T]) Open(context.Context, flow.SinkSubtask) (flow.Writer[T], error) {
	return &pen[T]{paper: p}, nil
}

// rows are those that are shown, in the order of their checkpoints.
func (p *paper[T]) rows() (all []T) {
	for _, id := range p.order {
		all = append(all, p.shown[id]...)
	}
	return all
}

type pen[T any] struct {
	paper *paper[T]
	rows  []T
}

func (w *pen[T]) Write(_ context.Context, b *flow.Batch[T]) error {
	w.rows = append(w.rows, b.Rows...)
	return nil
}

func (w *pen[T]) Prepare(context.Context, uint64) (flow.Prepared, error) {
	w.paper.mu.Lock()
	defer w.paper.mu.Unlock()
	w.paper.prepared = append(w.paper.prepared, w.rows)
	w.rows = nil
	return flow.Prepared{Committable: strconv.AppendInt(nil, int64(len(w.paper.prepared)-1), 10)}, nil
}

func (w *pen[T]) Close(context.Context) error { return nil }

// drawTape draws the changes of a table with few keys. If it is torn, what takes a row back may come before what adds it.
func drawTape(rng *rand.Rand, torn bool) (t tape) {
	var live []item
	for range 20 + rng.IntN(150) {
		switch at := rng.IntN(len(live) + 3); {
		case at >= len(live):
			row := item{rng.Int64N(5), rng.Int64N(12), fmt.Sprint("t", rng.IntN(3))}
			live = append(live, row)
			t = append(t, change{Row: row})
		case rng.IntN(2) == 0:
			t = append(t, change{Kind: aquifer.Delete, Row: live[at]})
			live = slices.Delete(live, at, at+1)
		default:
			t = append(t, change{Kind: aquifer.UpdateBefore, Row: live[at]})
			live[at].N = rng.Int64N(12)
			t = append(t, change{Kind: aquifer.UpdateAfter, Row: live[at]})
		}
	}
	for i := range t {
		if j := i + rng.IntN(8); torn && j < len(t) {
			t[i], t[j] = t[j], t[i]
		}
	}
	return t
}

// drawRows draws a stream of rows that are only added.
func drawRows(rng *rand.Rand) (t tape) {
	for range 20 + rng.IntN(150) {
		t = append(t, change{Row: item{rng.Int64N(5), rng.Int64N(12), fmt.Sprint("t", rng.IntN(3))}})
	}
	return t
}

// tableOf is what changes make out of nothing: how often each row is there.
func tableOf[T comparable](t testing.TB, changes []aquifer.Change[T]) map[T]int64 {
	t.Helper()
	all := map[T]int64{}
	for _, c := range changes {
		if all[c.Row] += c.Kind.Weight(); all[c.Row] == 0 {
			delete(all, c.Row)
		}
	}
	for row, n := range all {
		if n < 0 {
			t.Errorf("%+v has been taken back %d times too often", row, -n)
		}
	}
	return all
}

// itemsOf are the rows of a tape's table, each as often as it is there, those of each key apart.
func itemsOf(t testing.TB, changes tape) map[int64][]item {
	byKey := map[int64][]item{}
	for row, n := range tableOf(t, changes) {
		for range n {
			byKey[row.Key] = append(byKey[row.Key], row)
		}
	}
	return byKey
}

// lives runs a job over tapes in two lives: the first ends at a checkpoint, at another parallelism than the second.
func lives[Out any](t testing.TB, rng *rand.Rand, build func(in []keyed) aquifer.Stream[Out], tapes ...tape) []Out {
	t.Helper()
	sink := newPaper[Out]()
	job := func() *aquifer.Job {
		job := aquifer.NewJob("tables")
		var in []keyed
		for i, s := range tapes {
			all := aquifer.From(job, fmt.Sprint("tape", i), s, aquifer.With[change](aquifer.Parallelism(1)), aquifer.EventTime(
				func(c *change) int64 { return c.Row.N }, 25*time.Millisecond))
			in = append(in, table.KeyBy(all, itemKey))
		}
		aquifer.To(build(in), "out", sink)
		return job
	}
	o := aquifer.RunOptions{
		Parallelism: 1 + rng.IntN(3), MaxParallelism: 8, State: t.TempDir(), UnalignedAfter: -1,
		CheckpointInterval: time.Duration(20+rng.IntN(40)) * time.Millisecond,
	}
	stop, once := make(chan struct{}), sync.Once{}
	first := o
	first.Stop = stop
	first.OnEvent = func(e aquifer.Event) {
		if _, ok := e.(aquifer.CheckpointStored); ok {
			once.Do(func() { close(stop) })
		}
	}
	_, err := job().Run(t.Context(), first)
	must(t, err)
	o.Parallelism = 1 + rng.IntN(3)
	_, err = job().Run(t.Context(), o)
	must(t, err)
	return sink.rows()
}

var more = flag.Int("table.seeds", 1, "how many times as many random tables")

// seeds calls a test with random numbers.
func seeds(t *testing.T, n int, each func(t *testing.T, rng *rand.Rand)) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(max(1, n**more/slow)) {
		bubble.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d, %d", seed, i)
				}
			}()
			each(t, rand.New(rand.NewPCG(seed, i)))
		})
	}
}

func wantError(t testing.TB, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("%v, want %q", err, part)
	}
}

// withoutTime takes the event times of rows away.
func withoutTime(s aquifer.Stream[item]) aquifer.Stream[item] {
	return aquifer.FlatMap(s, func(i *item, out aquifer.Collector[item]) error {
		out.EmitAt(*i, flow.NoTime)
		return nil
	})
}

// same compares tables.
func same[T comparable](t testing.TB, got, want map[T]int64) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// added is a table with these rows.
func added[T comparable](rows ...T) map[T]int64 {
	all := map[T]int64{}
	for _, r := range rows {
		all[r]++
	}
	return all
}
