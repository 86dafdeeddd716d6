package aquifer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// lookedAt is state below memory that counts the keys that are looked for.
type lookedAt struct {
	m    map[string]string
	keys int
}

func (b *lookedAt) Set(k, v []byte) error { b.m[string(k)] = string(v); return nil }
func (b *lookedAt) Delete(k []byte) error { delete(b.m, string(k)); return nil }
func (b *lookedAt) DeleteRange(start, end []byte) error {
	maps.DeleteFunc(b.m, func(k, _ string) bool { return k >= string(start) && k < string(end) })
	return nil
}

func (b *lookedAt) Read(_ context.Context, keys [][]byte, found func(int, []byte) error) error {
	b.keys += len(keys)
	for i, k := range keys {
		if v, ok := b.m[string(k)]; ok {
			if err := found(i, []byte(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *lookedAt) Scan(context.Context, []byte, []byte, func(k, v []byte) error) error {
	return errors.New("all rows of a key are gone through")
}

// oneKey is an interval join of rows that are their own times, all of one key, and what stands behind its Context.
type oneKey struct {
	t            *testing.T
	lower, upper time.Duration
	below        *lookedAt
	store        *keyed.Store[int64]
	join         *intervalJoiner[int64, int64, [2]int64]
	ctx          *Context
	timers       map[int64]bool
	late         int
	out          flow.Batch[[2]int64]
}

func (o *oneKey) Key() any                    { return new(int64) }
func (o *oneKey) FirstAccess() (uint32, bool) { return 0, false }
func (o *oneKey) RegisterEventTimer(_ uint32, t int64) error {
	o.timers[t] = true
	return nil
}
func (o *oneKey) RegisterProcessingTimer(uint32, int64) error { return flow.ErrNoTimers }
func (o *oneKey) CancelEventTimer(uint32, int64) error        { return flow.ErrNoTimers }
func (o *oneKey) CancelProcessingTimer(uint32, int64) error   { return flow.ErrNoTimers }
func (o *oneKey) Side(any) any                                { return nil }
func (o *oneKey) ProcessingTime() int64                       { return 0 }
func (o *oneKey) CountLate()                                  { o.late++ }

func newOneKey(t *testing.T, lower, upper time.Duration) *oneKey {
	t.Helper()
	o := &oneKey{t: t, lower: lower, upper: upper, below: &lookedAt{m: map[string]string{}}, timers: map[int64]bool{}}
	o.ctx = flow.NewContext(t.Context(), o)
	o.open(0)
	return o
}

func (o *oneKey) open(checkpoint uint64) {
	o.t.Helper()
	var err error
	o.store, err = keyed.NewStore[int64](keyed.Config{
		Name: "join", MaxParallelism: 1, Groups: base.KeyGroupRange{End: 1}, Context: o.t.Context(), Below: o.below,
		Restored: checkpoint > 0, Checkpoint: checkpoint,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	scope := state.NewScope(o.store)
	defer scope.End()
	o.join = newIntervalJoiner(o.lower, o.upper, func(l, r *int64) [2]int64 { return [2]int64{*l, *r} })
	if err := o.join.Open(scope); err != nil {
		o.t.Fatal(err)
	}
}

// freeze writes the state, and returns how many entries there are below.
func (o *oneKey) freeze() int {
	o.t.Helper()
	f := o.store.Freeze()
	if err := f.WriteTo(o.below); err != nil {
		o.t.Fatal(err)
	}
	f.Done()
	return len(o.below.m)
}

func (o *oneKey) enter(at int64) *Context {
	o.t.Helper()
	slots := make([]keyed.Slot, 1)
	if err := o.store.Lookup([]int64{1}, []uint64{o.store.Hash(1)}, slots); err != nil {
		o.t.Fatal(err)
	}
	o.ctx.Enter(uint32(slots[0]), at)
	return o.ctx
}

func (o *oneKey) comes(right bool, at int64) {
	o.t.Helper()
	process := o.join.ProcessLeft
	if right {
		process = o.join.ProcessRight
	}
	ctx := o.enter(at)
	if err := process(ctx, &at, flow.NewCollector(&o.out, &ctx.Time)); err != nil {
		o.t.Fatal(err)
	}
}

// advance lets event time go on.
func (o *oneKey) advance(to int64) {
	o.t.Helper()
	o.ctx.Watermark = to
	for _, at := range slices.Sorted(maps.Keys(o.timers)) {
		if at > to {
			return
		}
		delete(o.timers, at)
		if err := o.join.OnTimer(o.enter(at), Timer{}, flow.NewCollector(&o.out, &at)); err != nil {
			o.t.Fatal(err)
		}
	}
}

func TestARowLooksOnlyAtRowsThatAreNearIt(t *testing.T) {
	const rows = 20_000
	for _, right := range []bool{false, true} {
		o := newOneKey(t, -50*time.Millisecond, 50*time.Millisecond)
		for i := range int64(rows) {
			o.comes(!right, 10*i)
		}
		o.freeze()
		o.open(1)
		o.enter(0)
		o.below.keys = 0
		o.comes(right, rows*5)
		// Those of five spans of 26 ms, how many there are in each of them, and in the row's own.
		if n := len(o.out.Rows); n != 11 || o.below.keys > 13+5+1 {
			t.Errorf("%d rows are paired, for which %d entries are read", n, o.below.keys)
		}
	}
}

// drawnInterval draws an interval, and a time about which there are rows. Some are extreme.
func drawnInterval(rng *rand.Rand) (lower, upper time.Duration, about int64) {
	about = []int64{0, -3000, 1_700_000_000_000, math.MaxInt64 - 700, math.MinInt64 + 700}[rng.IntN(5)]
	if rng.IntN(4) == 0 {
		const most = math.MaxInt64 / int64(time.Millisecond) * int64(time.Millisecond)
		some := []time.Duration{-time.Duration(most), -ms(200), 0, ms(70), time.Duration(most)}
		from := rng.IntN(len(some))
		return some[from], some[from+rng.IntN(len(some)-from)], about
	}
	lower = time.Duration(rng.IntN(200)-100) * time.Millisecond
	return lower, lower + time.Duration(rng.IntN(1<<rng.IntN(9)))*time.Millisecond, about
}

// between reports whether a right time is in the interval of a left one.
func (o *oneKey) between(l, r int64) bool {
	after := new(big.Int).Sub(big.NewInt(r), big.NewInt(l))
	return after.Cmp(big.NewInt(o.lower.Milliseconds())) >= 0 && after.Cmp(big.NewInt(o.upper.Milliseconds())) <= 0
}

// expected are the pairs of rows of each side.
func (o *oneKey) expected(rows [2][]int64) (all [][2]int64) {
	for _, l := range rows[0] {
		for _, r := range rows[1] {
			if o.between(l, r) {
				all = append(all, [2]int64{l, r})
			}
		}
	}
	return all
}

func samePairs(a, b [][2]int64) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	compare := func(x, y [2]int64) int { return slices.Compare(x[:], y[:]) }
	slices.SortFunc(a, compare)
	slices.SortFunc(b, compare)
	return slices.Equal(a, b)
}

func TestPairsAreThoseOfAllRowsThatAreNotLateWhateverTheTimes(t *testing.T) {
	first := uint64(time.Now().UnixNano())
	for seed := first; seed < first+400/slow && !t.Failed(); seed++ {
		rng := rand.New(rand.NewPCG(seed, 0))
		lower, upper, about := drawnInterval(rng)
		o, rows, late := newOneKey(t, lower, upper), [2][]int64{}, 0
		o.advance(flow.NoTime)
		for i := range int64(150) {
			side, at := rng.IntN(2), about+4*(i-75)+rng.Int64N(60)-30
			o.comes(side == 1, at)
			if at < o.ctx.Watermark {
				late++
			} else {
				rows[side] = append(rows[side], at)
			}
			if rng.IntN(3) == 0 {
				o.advance(max(o.ctx.Watermark, about+4*(i-75)-20))
			}
			if rng.IntN(20) == 0 {
				o.freeze()
				o.open(uint64(i) + 1)
			}
		}
		if want := o.expected(rows); !samePairs(o.out.Rows, want) || o.late != late {
			t.Errorf("seed %d: from %v to %v about %d: %d pairs, want %d; %d late, want %d",
				seed, lower, upper, about, len(o.out.Rows), len(want), o.late, late)
		}
	}
}

func TestRowsAreForgottenAQuarterOfTheIntervalAfterTheirLastPartnerAtTheLatest(t *testing.T) {
	first := uint64(time.Now().UnixNano())
	for seed := first; seed < first+100/slow && !t.Failed(); seed++ {
		rng := rand.New(rand.NewPCG(seed, 0))
		lower := time.Duration(rng.IntN(200)-100) * time.Millisecond
		o := newOneKey(t, lower, lower+time.Duration(rng.IntN(1<<rng.IntN(9)))*time.Millisecond)
		longer := (o.upper - o.lower).Milliseconds() / 4
		var until []int64
		for i := range int64(100) {
			side, at := rng.IntN(2), 4*(i-50)+rng.Int64N(60)-30
			o.comes(side == 1, at)
			until = append(until, at+[]int64{o.upper.Milliseconds(), -o.lower.Milliseconds()}[side]+longer)
			o.advance(max(o.ctx.Watermark, 4*(i-50)-20))
			// Each is an entry, and each span that has one.
			until = slices.DeleteFunc(until, func(t int64) bool { return t < o.ctx.Watermark })
			if n := o.freeze(); n > 2*len(until) {
				t.Errorf("seed %d: from %v to %v: %d entries for %d rows", seed, lower, o.upper, n, len(until))
			}
		}
		if o.advance(flow.EndOfTime); o.freeze() > 0 {
			t.Errorf("seed %d: %d entries are left in the end", seed, len(o.below.m))
		}
	}
}

func TestAJobDoesNotGoOnFromTheRowsOfAnotherInterval(t *testing.T) {
	store, sink := mem.New(), newCollected[string]()
	run := func(p *pause, upper time.Duration, allow bool) error {
		job := NewJob("paused")
		steps := append(each(sale{1, "ann", 2}), here[sale](p))
		source := oneSplit(append(steps, each(sale{2, "ann", 1}, sale{3, "ann", 4})...)...)
		pair := func(l, r *sale) string { return fmt.Sprint(l.Amount, "+", r.Amount) }
		To(IntervalJoin(halves(fromSales(job, source)), "pairs", -ms(5), upper, pair), "out", sink)
		o := RunOptions{Parallelism: 1, objects: store, AllowDroppedState: allow}
		if p != nil {
			o.Stop = p.stop
		}
		_, err := job.Run(t.Context(), o)
		return err
	}
	if err := run(newPause(), ms(5), false); err != nil {
		t.Fatal(err)
	}
	err := run(nil, ms(6), false)
	wantError(t, err, `operator "pairs"`, `"left from -5ms to 5ms"`, "--allow-dropped-state")
	if base.KindOf(err) != base.Config {
		t.Errorf("kind %v", base.KindOf(err))
	}
	if err := run(nil, ms(6), true); err != nil {
		t.Fatal(err)
	}
	wantRows(t, sink.rows(), "4+1") // 2 was kept for the other interval
}
