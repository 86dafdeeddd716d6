package aquifer

import (
	"fmt"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/window"
)

// sale is a row with an event time in milliseconds.
type sale struct {
	At     int64
	Who    string
	Amount int64
}

func paid(s *sale) int64 { return s.Amount }

// sales are the rows of most tests; at the pause, ann's windows of 18 are still open.
func sales(p *pause) script[sale] {
	before := each(sale{5, "ann", 1}, sale{12, "bob", 2}, sale{18, "ann", 3})
	after := each(sale{25, "ann", 4}, sale{27, "bob", 5}, sale{61, "ann", 6})
	return oneSplit(append(append(before, here[sale](p)), after...)...)
}

func fromSales(job *Job, source script[sale]) KeyedStream[string, sale] {
	s := From(job, "sales", source, Monotonic(func(s *sale) int64 { return s.At }))
	return KeyBy(s, func(s *sale) string { return s.Who })
}

// ms is a length of event time.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// counted makes windows that count, as text.
func counted(w window.Window) windowed {
	return func(s KeyedStream[string, sale]) Stream[string] {
		return Map(Aggregate(s, "windows", w, Count[sale]()), shown)
	}
}

// windowStories are windows over the sales with their results.
var windowStories = []struct {
	name    string
	windows windowed
	want    []string
}{
	{"tumbling", counted(window.Tumbling(ms(20))), []string{
		"ann [0,20) 2", "ann [20,40) 1", "ann [60,80) 1", "bob [0,20) 1", "bob [20,40) 1",
	}},
	{"tumbling with an offset", counted(window.Tumbling(ms(20)).Offset(ms(7))), []string{
		"ann [-13,7) 1", "ann [47,67) 1", "ann [7,27) 2", "bob [27,47) 1", "bob [7,27) 1",
	}},
	{"sliding", counted(window.Sliding(ms(20), ms(10))), []string{
		"ann [-10,10) 1", "ann [0,20) 2", "ann [10,30) 2", "ann [20,40) 1", "ann [50,70) 1", "ann [60,80) 1",
		"bob [0,20) 1", "bob [10,30) 2", "bob [20,40) 1",
	}},
	{"session", counted(window.Session(ms(10))), []string{
		"ann [18,35) 2", "ann [5,15) 1", "ann [61,71) 1", "bob [12,22) 1", "bob [27,37) 1",
	}},
	{"sum", func(s KeyedStream[string, sale]) Stream[string] {
		return Map(Aggregate(s, "windows", window.Tumbling(ms(20)), Sum(paid)), shown)
	}, []string{"ann [0,20) 4", "ann [20,40) 4", "ann [60,80) 6", "bob [0,20) 2", "bob [20,40) 5"}},
	{"an aggregator of one's own", func(s KeyedStream[string, sale]) Stream[string] {
		return Map(Aggregate(s, "windows", window.Sliding(ms(40), ms(20)), mean), shown)
	}, []string{
		"ann [-20,20) 2", "ann [0,40) 2.6666666666666665", "ann [20,60) 4", "ann [40,80) 6", "ann [60,100) 6",
		"bob [-20,20) 2", "bob [0,40) 3.5", "bob [20,60) 5",
	}},
	{"reduce", func(s KeyedStream[string, sale]) Stream[string] {
		latest := func(into, row *sale) { into.At, into.Amount = max(into.At, row.At), into.Amount+row.Amount }
		return Map(Reduce(s, "windows", window.Session(ms(15)), latest), shown)
	}, []string{"ann [5,40) {25 ann 8}", "ann [61,76) {61 ann 6}", "bob [12,42) {27 bob 7}"}},
}

func TestWindowsThroughAWholeJobThatIsStoppedInTheMiddle(t *testing.T) {
	for _, c := range windowStories {
		for _, parallelism := range [][]int{{1, 1}, {3, 3}, {1, 3}, {3, 1}} {
			t.Run(fmt.Sprintf("%s, parallelism %d", c.name, parallelism), func(t *testing.T) {
				wantRows(t, stoppedOnce(t, parallelism, c.windows), c.want...)
			})
		}
	}
}

// mean is an aggregator whose accumulator is more than its result.
var mean = Aggregator[sale, struct{ Sum, N int64 }, float64]{
	Add:    func(a *struct{ Sum, N int64 }, s *sale) { a.Sum, a.N = a.Sum+s.Amount, a.N+1 },
	Merge:  func(into, from *struct{ Sum, N int64 }) { into.Sum, into.N = into.Sum+from.Sum, into.N+from.N },
	Result: func(a *struct{ Sum, N int64 }) float64 { return float64(a.Sum) / float64(a.N) },
}

// windowed makes windows over sales, and text of their results.
type windowed func(KeyedStream[string, sale]) Stream[string]

// stoppedOnce runs windows over the sales, stops the job at the pause, goes on at another parallelism and
// returns all results, sorted.
func stoppedOnce(t *testing.T, parallelism []int, windows windowed) []string {
	t.Helper()
	store, sink, p := mem.New(), newCollected[string](), newPause()
	for run, at := range []*pause{p, nil} {
		job := NewJob("sales")
		To(windows(fromSales(job, sales(at))), "out", sink)
		o := RunOptions{Parallelism: parallelism[run], objects: store}
		if at != nil {
			o.Stop = at.stop
		}
		if r := mustRun(t, job, o); r.Finished != (at == nil) {
			t.Fatalf("run %d: %+v", run, r)
		}
	}
	return sorted(sink.rows())
}

// late runs windows over rows that come a second apart, stopping the job before the last two, and returns the
// results, the rows of the side output and the number of late rows.
func late(t *testing.T, w window.Window, rows ...sale) (results, aside []string, count int64) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		store, sink, side, p := mem.New(), newCollected[string](), newCollected[string](), newPause()
		for _, at := range []*pause{p, nil} {
			var steps []step[sale]
			for i, row := range rows {
				if i == len(rows)-2 {
					steps = append(steps, here[sale](at))
				}
				steps = append(steps, in(time.Second, row))
			}
			job, tooLate := NewJob("late"), NewSide[sale]("too late")
			counts := Aggregate(fromSales(job, oneSplit(steps...)), "windows", w, Count[sale](), LateTo(tooLate))
			To(Map(counts, shown), "out", sink)
			To(Map(tooLate.Stream(), func(s *sale) string { return fmt.Sprint(*s) }), "late", side)
			before := count
			mustRun(t, job, RunOptions{Parallelism: 1, Stop: p.stop, objects: store, OnEvent: func(e Event) {
				if p, ok := e.(Progress); ok {
					count = before + p.Late
				}
			}})
			p = newPause()
		}
		results, aside = sink.rows(), side.rows()
	})
	return results, aside, count
}

func TestRowsThatComeTooLateGoToTheSideOutput(t *testing.T) {
	rows := []sale{
		{5, "ann", 1}, {25, "ann", 2}, {7, "ann", 3}, {41, "ann", 4}, {26, "ann", 5}, {8, "ann", 6}, {42, "ann", 7},
	}
	for _, c := range []struct {
		name          string
		w             window.Window
		results, late []string
	}{
		{"tumbling", window.Tumbling(ms(20)), []string{"ann [0,20) 1", "ann [20,40) 1", "ann [40,60) 2"},
			[]string{"{7 ann 3}", "{26 ann 5}", "{8 ann 6}"}},
		{"tumbling, allowed to be late", window.Tumbling(ms(20)).AllowedLateness(ms(20)), []string{
			"ann [0,20) 1", "ann [0,20) 2", "ann [20,40) 1", "ann [20,40) 2", "ann [40,60) 2",
		}, []string{"{8 ann 6}"}},
		{"session", window.Session(ms(5)), []string{"ann [5,10) 1", "ann [25,30) 1", "ann [41,47) 2"},
			[]string{"{7 ann 3}", "{26 ann 5}", "{8 ann 6}"}},
		{"session, allowed to be late", window.Session(ms(5)).AllowedLateness(ms(15)), []string{
			"ann [5,10) 1", "ann [5,12) 2", "ann [25,30) 1", "ann [25,31) 2", "ann [41,47) 2",
		}, []string{"{8 ann 6}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, aside, count := late(t, c.w, rows...)
			wantRows(t, results, c.results...)
			wantRows(t, aside, c.late...)
			if count != int64(len(c.late)) {
				t.Errorf("%d late rows were counted, want %d", count, len(c.late))
			}
		})
	}
}

// The counts of a window have the last moment of it as event time, so that windows can be built on windows.
func TestWindowsOfWindows(t *testing.T) {
	got := stoppedOnce(t, []int{3, 1}, func(s KeyedStream[string, sale]) Stream[string] {
		small := Aggregate(s, "small", window.Tumbling(ms(20)), Count[sale]())
		all := KeyBy(small, func(*Windowed[string, int64]) string { return "all" })
		rows := Sum(func(w *Windowed[string, int64]) int64 { return w.Value })
		return Map(Aggregate(all, "large", window.Tumbling(ms(40)), rows), shown)
	})
	wantRows(t, got, "all [0,40) 5", "all [40,80) 1")
}

func TestOptionsOfWindows(t *testing.T) {
	job := NewJob("options")
	w := WithWindow[sale](Parallelism(2), UID("counts"))
	counts := Aggregate(fromSales(job, sales(nil)), "windows", window.Tumbling(ms(20)), Count[sale](), w)
	To(counts, "out", newCollected[Windowed[string, int64]]())
	subtasks := 0
	mustRun(t, job, RunOptions{Parallelism: 1, OnEvent: func(e Event) {
		if p, ok := e.(Progress); ok {
			subtasks = 0
			for _, o := range p.Operators {
				if o.Node.UID == "counts" && o.Node.Name == "windows" {
					subtasks++
				}
			}
		}
	}})
	if subtasks != 2 {
		t.Errorf("%d subtasks", subtasks)
	}
}

func TestMistakesOfWindowsAreReportedBeforeAnythingRuns(t *testing.T) {
	job := NewJob("mistakes")
	s := fromSales(job, sales(nil))
	w := Sum(paid)
	w.Merge = nil
	for i, c := range []struct {
		w   window.Window
		agg Aggregator[sale, int64, int64]
	}{
		{window.Sliding(ms(20), ms(10)), w}, {window.Session(ms(20)), w}, {window.Window{}, Sum(paid)},
		{window.Tumbling(ms(20)), Aggregator[sale, int64, int64]{}},
	} {
		sums := Aggregate(s, fmt.Sprint("w", i), c.w, c.agg)
		To(sums, fmt.Sprint("out", i), newCollected[Windowed[string, int64]]())
	}
	_, err := job.Run(t.Context(), RunOptions{})
	if base.KindOf(err) != base.Config {
		t.Errorf("%v", err)
	}
	const merge = "the aggregator has no Merge function, which sliding and session windows need"
	wantError(t, err, `operator "w0": `+merge, `operator "w1": `+merge, `operator "w2": no window is described`,
		`operator "w3": the aggregator has no Add or no Result function`)
}

func TestRowsWithoutEventTimeBelongToNoWindow(t *testing.T) {
	for _, w := range []window.Window{window.Tumbling(ms(20)), window.Session(ms(20))} {
		job := NewJob("timeless")
		s := KeyBy(From(job, "sales", sales(nil)), func(s *sale) string { return s.Who })
		To(Aggregate(s, "windows", w, Count[sale]()), "out", newCollected[Windowed[string, int64]]())
		_, err := job.Run(t.Context(), RunOptions{})
		if base.KindOf(err) != base.Config {
			t.Errorf("%v", err)
		}
		wantError(t, err, `operator "windows": a row has no event time, so it belongs to no window: give the`)
	}
}

func TestMaxAndMinAreOfTheRowsThatThereAre(t *testing.T) {
	below := func(s *sale) int64 { return -s.Amount }
	for name, c := range map[string]struct {
		of   Aggregator[sale, Extreme, int64]
		want int64
	}{"max": {Max(paid), 7}, "min": {Min(paid), 3}, "max below zero": {Max(below), -3}, "min below zero": {Min(below), -7}} {
		var one, other, none Extreme
		for _, amount := range []int64{5, 3} {
			c.of.Add(&one, &sale{Amount: amount})
		}
		c.of.Add(&other, &sale{Amount: 7})
		c.of.Merge(&one, &other)
		c.of.Merge(&one, &none) // a part without rows changes nothing
		c.of.Merge(&none, &one)
		if got := []int64{c.of.Result(&one), c.of.Result(&none)}; got[0] != c.want || got[1] != c.want {
			t.Errorf("%s: %v, want %d", name, got, c.want)
		}
	}
}
