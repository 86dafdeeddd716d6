package async

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/measure"
)

func TestTheMedianIsTheMiddleOne(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 9, 2}, 3}} {
		if got := measure.Median(c.all); got != c.want {
			t.Errorf("%v: %g, want %g", c.all, got, c.want)
		}
	}
}

func TestARatioIsOfCostOrOfThroughput(t *testing.T) {
	a, b := spent{Spent: measure.Spent{Wall: time.Second, CPU: 4 * time.Second}, records: 10},
		spent{Spent: measure.Spent{Wall: time.Second, CPU: 2 * time.Second}, records: 20}
	if got := (pair{cost: true}).ratio(a, b); got != 4 {
		t.Errorf("cost %g", got)
	}
	if got := (pair{}).ratio(a, b); got != 0.5 {
		t.Errorf("throughput %g", got)
	}
	a.reads, a.inFlight = 5, 7
	f := figuresOf([]spent{a})
	if f != (Figures{10, 10, 4e8, 4, 0.5, 7}) {
		t.Errorf("%+v", f)
	}
}

func TestATargetIsAMostForACostAndALeastForThroughput(t *testing.T) {
	for _, c := range []struct {
		row  Row
		ok   bool
		want string
	}{
		{Row{Ratio: 2, Target: 3}, false, "≥ 3: MISSED"}, {Row{Ratio: 3, Target: 3}, true, "≥ 3: met"},
		{Row{Ratio: 2, Target: 3, Cost: true}, true, "≤ 3: met"},
		{Row{Ratio: 4, Target: 3, Cost: true}, false, "≤ 3: MISSED"}, {Row{Ratio: 0.1, Cost: true}, true, "-"},
		{Row{Ratio: 90, Target: 2000, Cost: true, ParkNS: 1500}, true, "1500 ≤ 2000 ns: met"},
		{Row{Ratio: 1, Target: 2000, Cost: true, ParkNS: 2500}, false, "2500 ≤ 2000 ns: MISSED"},
	} {
		if c.row.judge(); c.row.OK != c.ok || c.row.verdict() != c.want {
			t.Errorf("%+v: %q, want %q", c.row, c.row.verdict(), c.want)
		}
	}
}

func TestALoadHasCollapsedIfAPeriodHasLessThanHalfOfTheBest(t *testing.T) {
	for _, c := range []struct {
		done  []int64
		worst float64
		ok    bool
	}{
		{[]int64{1, 8, 2, 4, 4, 9}, 0.8, true}, {[]int64{1, 9, 1, 3, 1, 9}, 0.4, false}, {[]int64{0, 0}, 0, false},
		{[]int64{0, 0, 0}, 0, false},
	} {
		s := Swinging{Done: c.done}
		if s.judge(); s.Worst != c.worst || s.OK != c.ok {
			t.Errorf("%v: %+v", c.done, s)
		}
	}
}

func TestTheTableHasALineForEachRow(t *testing.T) {
	r := Report{Keys: 10, LatencyMS: 20, Rounds: 3, Rows: []Row{
		{Name: "first", Measured: "a", Reference: "b", Ratio: 1, Cost: true, OK: true,
			A: Figures{RecordsPerS: 100, CPUNS: 1500, Cores: 1, InFlight: 4}, B: Figures{RecordsPerS: 50, CPUNS: 3000}},
		{Name: "second", Measured: "a", Reference: "b", Ratio: 600, Target: 500, OK: true, OfBound: 0.25},
	}, Swing: &Swinging{SecondS: 1, Offered: []int64{1, 10}, Done: []int64{1, 9}, Worst: 1, OK: true}}
	var b bytes.Buffer
	r.Print(&b)
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"10 keys; reads of objects take 20 ms; medians of 3",
		"first a b 1 CPU - 100 50 1.500 3.000 1.00 0.00 - 4",
		"second a b 600 throughput ≥ 500: met 0 0 0.000 0.000 0.00 0.00 0.25 0",
		"offered: 1 10 done: 1 9", "no collapse",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	r.Swing.OK = false
	b.Reset()
	if r.Print(&b); !strings.Contains(b.String(), "COLLAPSED") {
		t.Error(b.String())
	}
}

func TestAnOrderHasEachNumberOnce(t *testing.T) {
	for _, n := range []int64{1, 7, 1024, laying} {
		if n == laying && testing.Short() {
			continue
		}
		seen, next := make([]bool, n), order(n, laying)
		for range n {
			k := next()
			if k < 0 || seen[k] {
				t.Fatalf("%d of %d", k, n)
			}
			seen[k] = true
		}
		if next() != -1 {
			t.Errorf("more than %d", n)
		}
	}
	next := endless(3, 1)
	if first, second := next()+next()+next(), next()+next()+next(); first != second {
		t.Error("it does not begin again")
	}
}

func TestBatchesAreFilledUntilTheOrderEnds(t *testing.T) {
	fill := each(order(5, 1), 3, oneByOne)
	for _, want := range []int{3, 2, 0} {
		b := &flow.Batch[row]{}
		if fill(b); len(b.Rows) != want || len(b.Times) != want {
			t.Errorf("%d rows, want %d", len(b.Rows), want)
		}
	}
}

func TestEventTimeGoesOnSteadily(t *testing.T) {
	b := &flow.Batch[row]{}
	timedRows(25, 1)(b)
	if len(b.Rows) != 25 || b.Times[0] != 0 || b.Times[24] != 240 {
		t.Errorf("%v", b.Times)
	}
}

func TestALoadIsOfferedInTurnsLowAndHigh(t *testing.T) {
	w := &wave{second: time.Second, high: 100}
	for at, want := range map[time.Duration]int64{
		0: 0, 500 * time.Millisecond: 5, time.Second: 10, 1500 * time.Millisecond: 60, 2 * time.Second: 110, time.Hour: 550,
	} {
		if got := w.offered(at); got != want {
			t.Errorf("%d after %v, want %d", got, at, want)
		}
	}
}
