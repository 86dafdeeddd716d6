package discard_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/coordinator"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(dst []byte, row *string) []byte { return append(dst, *row...) }

// total is what a sink says of its rows.
func total[T any](s *discard.Sink[T]) string {
	rows, hash := s.Total()
	return fmt.Sprintf("%d rows, hash %016x", rows, hash)
}

func open(t *testing.T, s *discard.Sink[string], states ...[]byte) flow.Writer[string] {
	t.Helper()
	w, err := s.Open(t.Context(), flow.SinkSubtask{States: states})
	must(t, err)
	return w
}

func write(t *testing.T, w flow.Writer[string], rows ...string) {
	t.Helper()
	b := &flow.Batch[string]{}
	for _, r := range rows {
		b.Append(r, flow.NoTime)
	}
	must(t, w.Write(t.Context(), b))
}

// prepare returns the state that a writer leaves in a checkpoint.
func prepare(t *testing.T, w flow.Writer[string]) []byte {
	t.Helper()
	p, err := w.Prepare(t.Context(), 1)
	must(t, err)
	if p.Committable != nil {
		t.Errorf("there is nothing to commit, but the writer prepared %q", p.Committable)
	}
	return p.State
}

// reference is the total of rows, calculated by the book: FNV-1a, the finalizer of SplitMix64, and a sum.
func reference(rows ...string) string {
	var sum uint64
	for _, row := range rows {
		f := fnv.New64a()
		_, _ = f.Write([]byte(row))
		h := f.Sum64()
		h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
		h = (h ^ h>>27) * 0x94D049BB133111EB
		sum += h ^ h>>31
	}
	return fmt.Sprintf("%d rows, hash %016x", len(rows), sum)
}

func TestRowsAreCountedAndHashedIfAsked(t *testing.T) {
	isB := func(row *string) bool { return *row == "b" }
	for name, c := range map[string]struct {
		options []discard.Option[string]
		want    string
	}{
		"count":       {nil, "3 rows, hash 0000000000000000"},
		"hash":        {[]discard.Option[string]{discard.Hash(text)}, reference("a", "b", "b")},
		"retractions": {[]discard.Option[string]{discard.Retract(isB)}, "-1 rows, hash 0000000000000000"},
	} {
		t.Run(name, func(t *testing.T) {
			s := discard.New(c.options...)
			w := open(t, s)
			write(t, w, "a", "b")
			write(t, w)
			write(t, w, "b")
			if got := total(s); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// A sum of plain FNV hashes would not do: these rows differ by the same amount at their ends.
func TestDifferentResultsHaveDifferentHashes(t *testing.T) {
	results := [][]string{{}, {""}, {"a"}, {"b"}, {"a", "a"}, {"a", "d"}, {"b", "c"}, {"ab"}, {"ba"}, {"a", "b"}}
	seen := map[string][]string{}
	for _, rows := range results {
		s := discard.New(discard.Hash(text))
		write(t, open(t, s), rows...)
		_, hash := s.Total()
		if other, ok := seen[fmt.Sprint(hash)]; ok {
			t.Errorf("%q and %q both have the hash %016x", rows, other, hash)
		}
		seen[fmt.Sprint(hash)] = rows
	}
}

// However rows are ordered, cut into batches and dealt to writers, the total is that of the result.
func TestTheTotalIsIndependentOfOrderBatchesAndWriters(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	var rows []string
	for range 1000 {
		rows = append(rows, fmt.Sprint("row ", rng.IntN(700)))
	}
	want := reference(rows...)
	for range 20 {
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		s := discard.New(discard.Hash(text))
		var writers []flow.Writer[string]
		for range 1 + rng.IntN(5) {
			writers = append(writers, open(t, s))
		}
		for rest := rows; len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(100))
			write(t, writers[rng.IntN(len(writers))], rest[:n]...)
			rest = rest[n:]
		}
		if got := total(s); got != want {
			t.Fatalf("%s of %d writers, want %s (seed %d)", got, len(writers), want, seed)
		}
	}
}

func TestARowThatIsTakenBackLeavesNoTrace(t *testing.T) {
	s := discard.New(
		discard.Hash(func(dst []byte, row *string) []byte { return append(dst, strings.TrimPrefix(*row, "-")...) }),
		discard.Retract(func(row *string) bool { return strings.HasPrefix(*row, "-") }))
	w, other := open(t, s), open(t, s)
	write(t, w, "a", "b", "-a")
	write(t, other, "-b", "c", "b") // b is taken back by a writer that never had it
	if got, want := total(s), reference("c", "b"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWritersCountConcurrently(t *testing.T) {
	s := discard.New(discard.Hash(text))
	want := reference(slices.Repeat([]string{"x"}, 4*1000)...)
	var all sync.WaitGroup
	for range 4 {
		w := open(t, s)
		all.Go(func() {
			for range 1000 {
				write(t, w, "x")
				_, _ = s.Total()
			}
		})
	}
	all.Wait()
	if got := total(s); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRestoredWritersGoOnFromTheirCounts(t *testing.T) {
	first := discard.New(discard.Hash(text))
	a, b := open(t, first), open(t, first)
	write(t, a, "a1", "a2")
	write(t, b, "b1")
	states := [][]byte{prepare(t, a), prepare(t, b)}
	write(t, a, "after the checkpoint")
	for name, dealt := range map[string][][][]byte{
		"same parallelism": {{states[0]}, {states[1]}},
		"less":             {{states[0], states[1]}},
		"more":             {{}, {states[0]}, {}, {states[1]}},
	} {
		t.Run(name, func(t *testing.T) {
			s := discard.New(discard.Hash(text))
			must(t, s.Recover(t.Context(), nil))
			want := []string{"a1", "a2", "b1"}
			for _, states := range dealt {
				write(t, open(t, s, states...), "more")
				want = append(want, "more")
			}
			if got := total(s); got != reference(want...) {
				t.Errorf("%s, want %s", got, reference(want...))
			}
		})
	}
}

func TestTheTotalIncludesWhatWasRestoredBeforeAnyRowComes(t *testing.T) {
	first := discard.New(discard.Hash(text))
	w := open(t, first)
	write(t, w, "a")
	s := discard.New(discard.Hash(text))
	open(t, s, prepare(t, w))
	if got := total(s); got != reference("a") {
		t.Errorf("%s, want %s", got, reference("a"))
	}
}

func TestWhatAFailedAttemptCountedIsForgotten(t *testing.T) {
	s := discard.New(discard.Hash(text))
	w := open(t, s)
	write(t, w, "kept")
	state := prepare(t, w)
	write(t, w, "lost with the attempt")
	must(t, s.Recover(t.Context(), nil))
	write(t, open(t, s, state), "again")
	if got, want := total(s), reference("kept", "again"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAStateOfAnotherLengthIsRefusedAsCorrupt(t *testing.T) {
	for _, state := range [][]byte{{}, make([]byte, 15), make([]byte, 17)} {
		_, err := discard.New[string]().Open(t.Context(), flow.SinkSubtask{States: [][]byte{state}})
		if base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), fmt.Sprint(len(state), " bytes")) {
			t.Errorf("%d bytes: %v", len(state), err)
		}
	}
}

const events = 20_000

// bids is a job that counts the bids of the benchmark. A function called for each event may fail it. Paced, it
// takes a fifth of a second: long enough to be interrupted on the slowest machine.
func bids(sink *discard.Sink[nexmark.Bid], paced bool, fail func() error) *aquifer.Job {
	job := aquifer.NewJob("bids")
	market := aquifer.From(job, "events", nexmark.New(nexmark.Config{Events: events, Pace: paced}))
	rows := aquifer.FlatMap(market, func(e *nexmark.Event, out aquifer.Collector[nexmark.Bid]) error {
		if e.Bid != nil {
			out.Emit(*e.Bid)
		}
		return fail()
	})
	aquifer.To[nexmark.Bid](rows, "out", sink)
	return job
}

func bidSink() *discard.Sink[nexmark.Bid] {
	return discard.New(discard.Hash(func(dst []byte, b *nexmark.Bid) []byte {
		return fmt.Append(dst, b.Auction, b.Bidder, b.Price, b.Time)
	}))
}

func never() error { return nil }

// expected is the total of bids at parallelism 1, which nothing disturbs.
func expected(t *testing.T) string {
	t.Helper()
	sink := bidSink()
	_, err := bids(sink, false, never).Run(t.Context(), aquifer.RunOptions{Parallelism: 1})
	must(t, err)
	if rows, hash := sink.Total(); rows != events/50*46 || hash == 0 { // 46 of 50 events are bids
		t.Fatalf("%d rows, hash %016x", rows, hash)
	}
	return total(sink)
}

func TestTotalsAreEqualAtEveryParallelism(t *testing.T) {
	want := expected(t)
	for _, p := range []int{2, 3, 7} {
		sink := bidSink()
		_, err := bids(sink, false, never).Run(t.Context(), aquifer.RunOptions{Parallelism: p})
		must(t, err)
		if got := total(sink); got != want {
			t.Errorf("parallelism %d: %s, want %s", p, got, want)
		}
	}
}

func TestARestartedJobCountsEveryRowOnce(t *testing.T) {
	want := expected(t)
	var stored, failed atomic.Bool
	sink := bidSink()
	job := bids(sink, true, func() error {
		if stored.Load() && !failed.Swap(true) {
			return errors.New("after a checkpoint")
		}
		return nil
	})
	result, err := job.Run(t.Context(), aquifer.RunOptions{
		CheckpointInterval: time.Millisecond,
		OnEvent: func(e aquifer.Event) {
			if _, ok := e.(coordinator.CheckpointStored); ok {
				stored.Store(true)
			}
		},
	})
	must(t, err)
	if got := total(sink); got != want || result.Restarts != 1 {
		t.Errorf("%s after %d restarts, want %s after 1", got, result.Restarts, want)
	}
}

func TestAJobStartedAgainGoesOnCounting(t *testing.T) {
	want := expected(t)
	o := aquifer.RunOptions{State: t.TempDir(), Parallelism: 2, CheckpointInterval: time.Millisecond}
	first, stop := o, make(chan struct{})
	first.Stop = stop
	atFirstRow := sync.OnceFunc(func() { close(stop) })
	job := bids(bidSink(), true, func() error { atFirstRow(); return nil })
	result, err := job.Run(t.Context(), first)
	must(t, err)
	if result.Finished || result.RowsRead == 0 || result.RowsRead == events {
		t.Fatalf("not stopped in the middle: %+v", result)
	}
	sink := bidSink()
	o.Parallelism = 3
	rest, err := bids(sink, false, never).Run(t.Context(), o)
	must(t, err)
	if got := total(sink); got != want || rest.RowsRead != events-result.RowsRead {
		t.Errorf("%s with %d events after %d, want %s", got, rest.RowsRead, result.RowsRead, want)
	}
}
