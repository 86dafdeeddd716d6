package aquifer

import (
	"cmp"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/window"
)

var windowSeeds = flag.Int("window.seeds", 8, "how many random inputs each kind of windows gets")

// disorder is how far behind the latest row a row may be without being late, in the tests of windows.
const disorder = 15

// drawnSales are rows of few keys whose times go on by a few milliseconds and are out of order. Some are late.
// The amount of each is its number.
func drawnSales(rng *rand.Rand) (rows []sale) {
	at := int64(rng.IntN(100)) - 50
	for i := range 20 + rng.IntN(60) {
		at += rng.Int64N(12)
		back := rng.Int64N(disorder)
		if rng.IntN(6) == 0 {
			back = rng.Int64N(100)
		}
		rows = append(rows, sale{at - back, string(rune('a' + rng.IntN(3))), int64(i)})
	}
	return rows
}

// salesLater runs a job over rows that come a second apart. It is stopped a few times in between, and goes on at
// another parallelism. It returns what has come out, and which rows were left aside, sorted.
func salesLater(
	t *testing.T, rng *rand.Rand, rows []sale, build func(s KeyedStream[string, sale], late *Side[sale]) Stream[string],
) (results, aside []string) {
	t.Helper()
	store, sink, side := mem.New(), newCollected[string](), newCollected[string]()
	stops := []int{rng.IntN(len(rows)), rng.IntN(len(rows))}
	for run := range len(stops) + 1 {
		p := newPause()
		var steps []step[sale]
		for i, row := range rows {
			for n, at := range stops {
				switch {
				case at == i && n == run:
					steps = append(steps, here[sale](p))
				case at == i:
					steps = append(steps, step[sale]{})
				}
			}
			steps = append(steps, in(time.Second, row))
		}
		job, late := NewJob("windows"), NewSide[sale]("late")
		s := From(job, "sales", oneSplit(steps...), EventTime(func(s *sale) int64 { return s.At }, ms(disorder)),
			With[sale](Parallelism(1)))
		byWho := KeyBy(s, func(s *sale) string { return s.Who })
		To(build(byWho, late), "out", sink)
		if late.Stream().job != nil {
			To(Map(late.Stream(), func(s *sale) string { return fmt.Sprint(s.Amount) }, Name("late-text")), "late", side)
		}
		mustRun(t, job, RunOptions{
			Parallelism: 1 + rng.IntN(3), MaxParallelism: 16, CheckpointInterval: time.Duration(3+rng.IntN(20)) * time.Second,
			Stop: p.stop, objects: store,
		})
	}
	return sorted(sink.rows()), sorted(side.rows())
}

// simulated evaluates windows one row after the other, in the simplest way.
type simulated struct {
	w         window.Window
	trigger   window.Trigger
	watermark int64
	open      []*simWindow
	results   []string
	fired     [][]int64 // the rows of each firing
	late      []string
}

// simWindow is a window of a key. The last row of a session may be at End.
type simWindow struct {
	who         string
	start, last int64 // last is that of a row of a session, for others the end of the window
	end         int64
	rows        []int64
	fresh       int64
	due         int64
	complete    bool
}

// simulate finds what windows give, and which rows are too late for them, sorted.
func simulate(w window.Window, rows []sale) *simulated {
	s := &simulated{w: w, trigger: w.Triggered(), watermark: flow.NoTime}
	latest := int64(flow.NoTime)
	for _, row := range rows {
		var to []*simWindow
		if w.IsSession() {
			to = s.session(row)
		} else {
			to = s.fixed(row)
		}
		if len(to) == 0 {
			s.late = append(s.late, fmt.Sprint(row.Amount))
		}
		for _, sw := range to {
			s.add(sw, row)
		}
		latest = max(latest, row.At)
		s.advance(max(s.watermark, latest-disorder))
	}
	s.advance(flow.EndOfTime)
	s.results, s.late = sorted(s.results), sorted(s.late)
	return s
}

// after is how long behind its end a window is complete.
func (s *simulated) after() int64 {
	if s.w.IsSession() {
		return 1
	}
	return 0
}

func (s *simulated) isComplete(sw *simWindow) bool {
	return !s.w.IsGlobal() && sw.end+s.after() <= s.watermark
}

// fixed are the windows that a row belongs to.
func (s *simulated) fixed(row sale) (to []*simWindow) {
	if s.w.IsGlobal() {
		return []*simWindow{s.at(row.Who, flow.NoTime, flow.EndOfTime)}
	}
	for end := row.At + 1; end <= row.At+s.w.Size(); end++ {
		if s.w.LastEnd(s.w.SliceStart(end-s.w.Size())) == end && end+s.w.Lateness() > s.watermark {
			to = append(to, s.at(row.Who, end-s.w.Size(), end))
		}
	}
	return to
}

func (s *simulated) at(who string, start, end int64) *simWindow {
	for _, sw := range s.open {
		if sw.who == who && sw.start == start {
			return sw
		}
	}
	sw := &simWindow{who: who, start: start, end: end, due: flow.EndOfTime, complete: end <= s.watermark}
	s.open = append(s.open, sw)
	return sw
}

// session is the session that a row makes of those that it touches.
func (s *simulated) session(row sale) (to []*simWindow) {
	gap := s.w.Gap()
	m := &simWindow{who: row.Who, start: row.At, last: row.At, due: flow.EndOfTime}
	touches := func(sw *simWindow) bool { return sw.who == row.Who && row.At <= sw.last+gap && row.At+gap >= sw.start }
	if !slices.ContainsFunc(s.open, touches) && row.At+gap+s.w.Lateness() < s.watermark {
		return nil
	}
	s.open = slices.DeleteFunc(s.open, func(sw *simWindow) bool {
		if touches(sw) {
			m.start, m.last = min(m.start, sw.start), max(m.last, sw.last)
			m.rows, m.fresh, m.due = append(m.rows, sw.rows...), m.fresh+sw.fresh, min(m.due, sw.due)
		}
		return touches(sw)
	})
	m.end = m.last + gap
	m.complete = s.isComplete(m)
	s.open = append(s.open, m)
	return []*simWindow{m}
}

func (s *simulated) add(sw *simWindow, row sale) {
	sw.rows = append(sw.rows, row.Amount)
	sw.fresh++
	if every := s.trigger.ContinuousEventTime; every > 0 {
		sw.due = min(sw.due, window.Next(max(row.At, s.watermark), every))
	}
	late := s.isComplete(sw) && s.trigger.EventTime
	if late || s.trigger.Count > 0 && sw.fresh >= s.trigger.Count {
		s.fire(sw, s.watermark)
	}
}

func (s *simulated) fire(sw *simWindow, now int64) {
	if sw.fresh, sw.due = 0, flow.EndOfTime; len(sw.rows) == 0 {
		return
	}
	sw.rows = slices.Sorted(slices.Values(sw.rows))
	s.fired = append(s.fired, sw.rows)
	s.results = append(s.results, saleText(sw.who, sw.start, sw.end, now < sw.end+s.after(), sw.rows))
	if s.trigger.Purging {
		sw.rows = nil
	}
}

func saleText(who string, start, end int64, early bool, rows []int64) string {
	return fmt.Sprintf("%s [%d,%d) %v %v", who, start, end, early, rows)
}

// advance lets the windows fire, each for itself, that event time makes due.
func (s *simulated) advance(watermark int64) {
	s.watermark = watermark
	s.open = slices.DeleteFunc(s.open, func(sw *simWindow) bool {
		end, over := sw.end, sw.end
		if !s.w.IsGlobal() {
			end, over = end+s.after(), end+s.after()+s.w.Lateness()
		}
		for sw.due < flow.EndOfTime && sw.due <= min(watermark, over) && (sw.complete || sw.due <= end) {
			sw.complete = sw.complete || sw.due == end
			s.fire(sw, sw.due)
		}
		if end <= watermark && !sw.complete {
			sw.complete = true
			if s.trigger.EventTime {
				s.fire(sw, end)
			}
		}
		for sw.due < flow.EndOfTime && sw.due <= min(watermark, over) {
			s.fire(sw, sw.due)
		}
		return over <= watermark
	})
}

func amounts(rows iter.Seq[sale]) (all []int64) {
	for row := range rows {
		all = append(all, row.Amount)
	}
	return all
}

// listed gives the rows of windows as text.
func listed(w WindowContext[string], rows iter.Seq[sale], out Collector[string]) error {
	out.Emit(saleText(w.Key, w.Start, w.End, w.Early, slices.Sorted(slices.Values(amounts(rows)))))
	return nil
}

// drawnWindow is a window of a kind, with or without lateness.
func drawnWindow(rng *rand.Rand) window.Window {
	size := 20 + rng.IntN(40)
	w := window.Tumbling(ms(size)).Offset(ms(rng.IntN(10)))
	switch rng.IntN(3) {
	case 0:
		slide := cmp.Or(rng.IntN(size/5)*5, 5)
		w = window.Sliding(ms(size), ms(slide)).Offset(ms(rng.IntN(10)))
	case 1:
		w = window.Session(ms(3 + rng.IntN(20)))
	}
	if rng.IntN(2) == 0 {
		w = w.AllowedLateness(ms(rng.IntN(60)))
	}
	return w
}

// drawnTrigger is a trigger by event time, by count, or by both.
func drawnTrigger(rng *rand.Rand) (tr window.Trigger) {
	for tr == (window.Trigger{}) {
		tr.EventTime = rng.IntN(2) == 0
		tr.Count = max(0, rng.Int64N(8)-3)
		tr.ContinuousEventTime = ms(max(0, rng.IntN(40)-20))
	}
	tr.Purging = rng.IntN(2) == 0
	return tr
}
