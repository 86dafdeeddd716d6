package operator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

func TestMapMakesOneRowOfEachAndKeepsItsTime(t *testing.T) {
	out := &stage[string]{}
	env := place("map")
	m := NewMap(env, out, func(n *int) string { return fmt.Sprint("n", *n) })
	must(t, m.Batch(rowsOf(7, 8, 9)))
	out.expect(t, "n7@1 n8@2 n9@3")
	must(t, m.Batch(rowsOf[int]()))
	out.expect(t, "")
	if in, made := env.Stats.RowsIn.Load(), env.Stats.RowsOut.Load(); in != 3 || made != 3 {
		t.Errorf("%d rows in, %d out", in, made)
	}
}

func TestFilterKeepsRowsWithTheirTimesInOrder(t *testing.T) {
	out := &stage[int]{}
	env := place("filter")
	f := NewFilter(env, out, func(n *int) bool { return *n%2 == 0 })
	must(t, f.Batch(rowsOf(1, 2, 3, 4, 6, 5)))
	out.expect(t, "2@2 4@4 6@5")
	must(t, f.Batch(rowsOf(1, 3)))
	out.expect(t, "")
	if in, kept := env.Stats.RowsIn.Load(), env.Stats.RowsOut.Load(); in != 8 || kept != 3 {
		t.Errorf("%d rows in, %d out", in, kept)
	}
}

func TestFilteredRowsAreForgottenSoThatTheyCanBeFreed(t *testing.T) {
	out := &stage[*int]{}
	b := rowsOf(new(int), new(int), new(int))
	f := NewFilter(place("filter"), out, func(**int) bool { return false })
	must(t, f.Batch(b))
	for i, p := range b.Rows[:3] {
		if p != nil {
			t.Errorf("row %d is still there", i)
		}
	}
}

func TestFlatMapMakesAnyNumberOfRows(t *testing.T) {
	out := &stage[string]{}
	env := place("flat")
	f := NewFlatMap(env, out, func(line *string, c flow.Collector[string]) error {
		for w := range strings.FieldsSeq(*line) {
			c.Emit(w)
		}
		if *line == "later" {
			c.EmitAt("x", 99)
		}
		return nil
	})
	must(t, f.Batch(rowsOf("a b", "", "later", "c")))
	out.expect(t, "a@1 b@1 later@3 x@99 c@4")
	if in, made := env.Stats.RowsIn.Load(), env.Stats.RowsOut.Load(); in != 4 || made != 5 {
		t.Errorf("%d rows in, %d out", in, made)
	}
}

func TestAFlatMapMayMakeMoreRowsThanABatchHas(t *testing.T) {
	out := &stage[int]{}
	f := NewFlatMap(place("flat"), out, func(n *int, c flow.Collector[int]) error {
		for i := range *n {
			c.Emit(i)
		}
		return nil
	})
	must(t, f.Batch(rowsOf(10_000, 5)))
	if len(out.seen) != 10_005 || out.seen[9_999] != "9999@1" || out.seen[10_004] != "4@2" {
		t.Errorf("%d rows", len(out.seen))
	}
}

func TestTheErrorOfAFlatMapNamesOperatorAndTime(t *testing.T) {
	out := &stage[int]{}
	f := NewFlatMap(place("flat"), out, func(n *int, c flow.Collector[int]) error {
		if *n == 2 {
			return errBroken
		}
		return nil
	})
	err := f.Batch(rowsOf(1, 2))
	mustSay(t, err, `operator "flat", subtask 0, event time 1970-01-01T00:00:00.002Z: broken`)
	if u, ok := errors.AsType[*UserError](err); !ok || !errors.Is(err, errBroken) || u.Time != 2 || u.Key != "" {
		t.Errorf("%#v", err)
	}
	out.expect(t, "") // nothing of the batch went on
}

// panics is an operator of each kind, whose function fails in its own way at the row 2.
func panics(out *stage[int]) map[string]Receiver[int] {
	cry := func(n *int) int {
		if *n == 2 {
			panic(fmt.Errorf("about %d: %w", *n, errBroken))
		}
		return *n
	}
	return map[string]Receiver[int]{
		"map":    NewMap(place("map"), out, cry),
		"filter": NewFilter(place("filter"), out, func(n *int) bool { return cry(n) > 0 }),
		"flat": NewFlatMap(place("flat"), out, func(n *int, c flow.Collector[int]) error {
			c.Emit(cry(n))
			return nil
		}),
	}
}

func TestAPanicIsAnErrorWithItsStackAndTime(t *testing.T) {
	out := &stage[int]{}
	for name, op := range panics(out) {
		err := op.Batch(rowsOf(1, 2, 3))
		mustSay(t, err, `operator "`+name+`"`, "00:00:00.002Z", "panic: about 2: broken", "map_test.go:")
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: what it panicked with is lost: %v", name, err)
		}
		out.expect(t, "")
	}
}

func TestAPanicWithARowThatHasNoTimeTellsNone(t *testing.T) {
	m := NewMap(place("map"), &stage[int]{}, func(*int) int { panic("no") })
	b := &flow.Batch[int]{}
	b.Append(1, flow.NoTime)
	if err := m.Batch(b); err == nil || strings.Contains(err.Error(), "event time") {
		t.Errorf("%v", err)
	}
}

func TestWhatTravelsBetweenRowsPassesThrough(t *testing.T) {
	out := &stage[int]{}
	env := place("map")
	m := NewMap(env, out, func(n *int) int { return *n })
	must(t, m.Open())
	must(t, m.Watermark(5))
	must(t, m.Idle(true))
	must(t, m.Batch(rowsOf(1)))
	must(t, m.Idle(false))
	must(t, m.Watermark(flow.EndOfTime))
	out.expect(t, "w5 idle true 1@1 idle false wend")
	snap, err := m.Snapshot(1)
	stat := env.Stats.Watermark.Load()
	if err != nil || snap.Watermark != flow.EndOfTime || snap.State != nil || stat != flow.EndOfTime {
		t.Errorf("%+v, %v, event time %d", snap, err, stat)
	}
	must(t, m.Close())
}

func TestAFailureBehindIsReturnedAtOnce(t *testing.T) {
	for _, what := range []string{"batch", "watermark", "idle"} {
		out := &stage[int]{fail: func(at string) error {
			if at == what {
				return errBroken
			}
			return nil
		}}
		for name, op := range map[string]Receiver[int]{
			"map":    NewMap(place("map"), out, func(n *int) int { return *n }),
			"filter": NewFilter(place("filter"), out, func(*int) bool { return true }),
			"tee":    As[int](fan[int]([]any{Receiver[int](&stage[int]{}), Receiver[int](out)})),
		} {
			errs := map[string]error{"batch": op.Batch(rowsOf(1)), "watermark": op.Watermark(1), "idle": op.Idle(true)}
			for at, err := range errs {
				if errors.Is(err, errBroken) != (at == what) {
					t.Errorf("%s, when %s fails: %s returned %v", name, what, at, err)
				}
			}
		}
	}
}

// A chain of maps, filters and flat-maps makes of random rows what plain Go makes of them, whatever their batches.
func TestAChainDoesWhatPlainCodeDoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed+i, 0))
		out := &stage[int]{}
		flat := NewFlatMap(place("flat"), out, func(n *int, c flow.Collector[int]) error {
			for j := range *n % 4 {
				c.Emit(*n + j)
			}
			return nil
		})
		odd := NewFilter(place("odd"), flat, func(n *int) bool { return *n%2 == 1 })
		triple := NewMap(place("triple"), odd, func(n *int) int { return *n * 3 })
		var want []string
		for range rng.IntN(10) {
			var rows []int
			for j := range rng.IntN(50) {
				n := rng.IntN(1000)
				rows = append(rows, n)
				for k := 0; n*3%2 == 1 && k < n*3%4; k++ {
					want = append(want, fmt.Sprintf("%d@%d", n*3+k, j+1))
				}
			}
			must(t, triple.Batch(rowsOf(rows...)))
		}
		if got := strings.Join(out.seen, " "); got != strings.Join(want, " ") {
			t.Fatalf("seed %d: %s, want %s", seed+i, got, want)
		}
	}
}
