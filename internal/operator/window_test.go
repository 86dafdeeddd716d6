package operator

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/window"
)

type sums = flow.Windowed[string, int64]

var sum = flow.Aggregator[event, int64, int64]{
	Add:    func(acc *int64, e *event) { *acc += e.N },
	Merge:  func(into, from *int64) { *into += *from },
	Result: func(acc *int64) int64 { return *acc },
}

// windowRig is a rig of a window operator.
type windowRig struct {
	*rig
	out  *collector[sums]
	late *collector[event]
}

const rigGroups = 16

func newRig(t testing.TB, w window.Window) *windowRig { return newWindowRig(t, w, roomy, rigGroups) }

func newWindowRig(t testing.TB, w window.Window, b bounds, groups int) *windowRig {
	t.Helper()
	return newWindowRigIn(t, w, b, groups, func(*Env) {})
}

// newWindowRigIn is newWindowRig in surroundings that place changes.
func newWindowRigIn(t testing.TB, w window.Window, b bounds, groups int, place func(*Env)) *windowRig {
	t.Helper()
	r := &windowRig{out: &collector[sums]{}, late: &collector[event]{}}
	plan := PlanSliceWindows[string, int64]("w")
	if w.IsSession() {
		plan = PlanSessionWindows[string, int64]("w")
	}
	r.rig = newRigOf(t, b, "w", groups, plan, func(_ *rig, env *Env) (Operator, error) {
		place(env)
		if w.IsSession() {
			return NewSessionWindows[string, event, int64, int64](env, r.out, r.late, eventKey, w, sum)
		}
		return NewSliceWindows[string, event, int64, int64](env, r.out, r.late, eventKey, w, sum)
	})
	return r
}

// rows sends events.
func (r *windowRig) rows(events ...event) { r.t.Helper(); r.rig.rows(nil, events...) }

// show renders what has come out since the last call, sorted, as key[start,end)=value.
func (r *windowRig) show() string {
	var all []string
	for _, w := range r.out.rows {
		all = append(all, fmt.Sprintf("%s[%d,%d)=%d", w.Key, w.Start, w.End, w.Value))
	}
	for _, e := range r.late.rows {
		all = append(all, fmt.Sprintf("late %s@%d", e.Key, e.Time))
	}
	slices.Sort(all)
	r.out.rows, r.late.rows = nil, nil
	return strings.Join(all, " ")
}

func (r *windowRig) expect(want string) {
	r.t.Helper()
	r.settle()
	if got := r.show(); got != want {
		r.t.Fatalf("got %q, want %q", got, want)
	}
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func TestATumblingWindowFiresWhenEventTimeComesToItsEnd(t *testing.T) {
	r := newRig(t, window.Tumbling(ms(10)))
	r.rows(event{"a", 1, 1}, event{"b", 9, 2}, event{"a", 10, 4}, event{"a", 3, 8})
	r.watermark(9)
	r.expect("")
	r.watermark(10)
	r.expect("a[0,10)=9 b[0,10)=2")
	r.watermark(19)
	r.expect("")
	r.watermark(flow.EndOfTime)
	r.expect("a[10,20)=4")
}

func TestWindowsOfNegativeTimesAndOffsets(t *testing.T) {
	r := newRig(t, window.Tumbling(ms(10)).Offset(ms(3)))
	r.rows(event{"a", -1, 1}, event{"a", -8, 2}, event{"a", 2, 4}, event{"a", 3, 8})
	r.watermark(flow.EndOfTime)
	r.expect("a[-17,-7)=2 a[-7,3)=5 a[3,13)=8")
}

func TestASlidingWindowMergesItsSlices(t *testing.T) {
	r := newRig(t, window.Sliding(ms(10), ms(4)))
	r.rows(event{"a", 1, 1}, event{"a", 7, 2}, event{"b", 9, 4}, event{"a", 11, 8})
	r.watermark(14)
	r.expect("a[-4,6)=1 a[-8,2)=1 a[0,10)=3 a[4,14)=10 b[0,10)=4 b[4,14)=4")
	r.watermark(flow.EndOfTime)
	r.expect("a[8,18)=8 b[8,18)=4")
}

func TestARowThatIsLateForAllItsWindowsGoesAside(t *testing.T) {
	r := newRig(t, window.Sliding(ms(10), ms(5)))
	r.watermark(10)
	r.rows(event{"a", 4, 1}, event{"a", 5, 2})
	r.expect("late a@4")
	r.watermark(15)
	r.expect("a[5,15)=2")
	if n := r.parts[0].env.Stats.Late.Load(); n != 1 {
		t.Errorf("%d rows are counted as late", n)
	}
}

func TestWithinTheAllowedLatenessAWindowFiresAgain(t *testing.T) {
	r := newRig(t, window.Tumbling(ms(10)).AllowedLateness(ms(5)))
	r.rows(event{"a", 1, 1}, event{"b", 2, 2})
	r.watermark(10)
	r.expect("a[0,10)=1 b[0,10)=2")
	r.rows(event{"a", 3, 10})
	r.expect("a[0,10)=11")
	r.watermark(14)
	r.rows(event{"a", 4, 100}, event{"c", 5, 5})
	r.expect("a[0,10)=111 c[0,10)=5")
	r.watermark(15)
	r.rows(event{"a", 5, 1000})
	r.expect("late a@5")
}

func TestASessionEndsAGapAfterItsLastRow(t *testing.T) {
	r := newRig(t, window.Session(ms(10)))
	r.rows(event{"a", 1, 1}, event{"b", 3, 2}, event{"a", 9, 4})
	r.watermark(18)
	r.expect("b[3,13)=2")
	r.rows(event{"a", 18, 8})
	r.watermark(28)
	r.expect("")
	r.watermark(29)
	r.expect("a[1,28)=13")
}

func TestARowBetweenTwoSessionsJoinsThem(t *testing.T) {
	r := newRig(t, window.Session(ms(11)))
	r.rows(event{"a", 1, 1}, event{"a", 40, 2}, event{"a", 20, 4})
	r.rows(event{"a", 11, 8})
	r.rows(event{"a", 30, 16})
	r.watermark(flow.EndOfTime)
	r.expect("a[1,51)=31")
}

func TestALateRowReopensASessionThatIsKept(t *testing.T) {
	r := newRig(t, window.Session(ms(10)).AllowedLateness(ms(20)))
	r.rows(event{"a", 1, 1})
	r.watermark(15)
	r.expect("a[1,11)=1")
	r.rows(event{"a", 4, 2})
	r.expect("a[1,14)=3")
	r.rows(event{"a", 9, 4}) // makes its end come again
	r.expect("")
	r.watermark(20)
	r.expect("a[1,19)=7")
	r.watermark(40)
	r.rows(event{"a", 2, 8})
	r.expect("late a@2")
}

func TestARowWithoutATimeIsRefused(t *testing.T) {
	r := newRig(t, window.Tumbling(ms(10)))
	b := &flow.Batch[event]{}
	b.Append(event{}, flow.NoTime)
	r.hash(b)
	if err := r.parts[0].Batch(b); base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "EventTime") {
		t.Errorf("%v", err)
	}
}

func TestAPanicInAnAggregatorNamesTheKeyAndTime(t *testing.T) {
	r := newRig(t, window.Tumbling(ms(10)))
	op := r.parts[0].Operator.(*SliceWindows[string, event, int64, int64])
	op.agg.Add = func(*int64, *event) { panic("no") }
	b := &flow.Batch[event]{}
	b.Append(event{Key: "the key"}, 5)
	r.hash(b)
	err := op.Batch(b)
	for _, want := range []string{`operator "w"`, "the key", "1970-01-01T00:00:00.005Z", "window_test.go"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

// naive evaluates windows over all rows at once: no row is late.
func naive(w window.Window, gap int64, events []event) string {
	byKey := map[string][]event{}
	for _, e := range events {
		byKey[e.Key] = append(byKey[e.Key], e)
	}
	results := map[string]int64{}
	for k, rows := range byKey {
		slices.SortFunc(rows, func(a, b event) int { return cmp.Compare(a.Time, b.Time) })
		if !w.IsSession() {
			for _, e := range rows {
				slice := w.SliceStart(e.Time)
				for end := w.FirstEnd(slice); end <= w.LastEnd(slice); end += w.Slide() {
					results[fmt.Sprintf("%s[%d,%d)", k, end-w.Size(), end)] += e.N
				}
			}
			continue
		}
		for len(rows) > 0 {
			n, total := 1, rows[0].N
			for n < len(rows) && rows[n].Time <= rows[n-1].Time+gap {
				total += rows[n].N
				n++
			}
			results[fmt.Sprintf("%s[%d,%d)", k, rows[0].Time, rows[n-1].Time+gap)] = total
			rows = rows[n:]
		}
	}
	var all []string
	for k, v := range results {
		all = append(all, fmt.Sprintf("%s=%d", k, v))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// Rows out of order, watermarks that are not ahead of them, checkpoints, restores and changes of parallelism
// with subtasks at different event times: the results are those of the naive evaluation, each once.
func TestWindowsEqualANaiveEvaluation(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d on", seed)
	for i := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed+i, 0))
		gap := rng.Int64N(20) + 1
		slide := rng.Int64N(20) + 1
		w := []window.Window{
			window.Tumbling(ms(slide)), window.Sliding(ms(slide+rng.Int64N(40)), ms(slide)), window.Session(ms(gap)),
		}[rng.IntN(3)]
		r := newWindowRig(t, w, []bounds{roomy, tight}[rng.IntN(2)], rigGroups)
		var events []event
		now := rng.Int64N(50) - 100
		for range rng.IntN(40) {
			var some []event
			for range rng.IntN(8) {
				e := event{fmt.Sprint("k", rng.IntN(6)), now + rng.Int64N(40), rng.Int64N(100)}
				some, events = append(some, e), append(events, e)
			}
			r.rows(some...)
			now += rng.Int64N(15)
			// Not every subtask hears of every watermark at the same time.
			for _, p := range r.parts {
				if rng.IntN(3) > 0 {
					if err := p.Watermark(now); err != nil {
						t.Fatal(err)
					}
				}
			}
			if rng.IntN(6) == 0 {
				r.rescale(rng.IntN(4) + 1)
			}
		}
		r.watermark(flow.EndOfTime)
		r.settle()
		got, want := r.show(), naive(w, gap, events)
		if got != want {
			t.Fatalf("seed %d, %+v: %s", seed+i, w, difference(got, want))
		}
	}
}

func BenchmarkWindows(b *testing.B) {
	for name, w := range map[string]window.Window{
		"tumbling": window.Tumbling(10 * time.Second), "sliding": window.Sliding(10*time.Second, 2*time.Second),
		"session": window.Session(10 * time.Second),
	} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, w)
			rng := rand.New(rand.NewPCG(1, 1))
			keys := make([]string, 10_000)
			for i := range keys {
				keys[i] = fmt.Sprint("key-", i)
			}
			n := int64(0)
			for b.Loop() {
				in := PoolOf[event]().Get()
				for range 1024 {
					n++
					in.Append(event{keys[rng.IntN(len(keys))], n / 100, 1}, n/100)
				}
				r.hash(in)
				if err := r.parts[0].Batch(in); err != nil {
					b.Fatal(err)
				}
				if n%(1024*64) == 0 {
					r.watermark(n/100 - 4000)
					r.out.rows = r.out.rows[:0]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
		})
	}
}
