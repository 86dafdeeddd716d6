package aquifer

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/pattern"
)

// trade is a row of a stream in which patterns are looked for.
type trade struct {
	Key, Time, Price int64
	Kind             string
	N                int // its place in the input
}

func isKind(kind string) func(*trade) bool { return func(r *trade) bool { return r.Kind == kind } }

// rise is an a, the first b at a higher price, and any c after it.
func rise(within time.Duration) pattern.Pattern[trade] {
	return pattern.Begin[trade]("first").Where(isKind("a")).
		FollowedBy("higher").Where(isKind("b")).WhereIterative(func(r *trade, before *pattern.Match[trade]) bool {
		return r.Price > before.First("first").Price
	}).FollowedByAny("end").Where(isKind("c")).Within(within)
}

// trades draws rows of few keys, whose times are out of order by up to 30 ms; many are the same.
func trades(rng *rand.Rand) (all []trade) {
	for i := range 40 + rng.IntN(160) {
		at := (int64(i)*4+rng.Int64N(30))/7*7 + 1
		all = append(all, trade{rng.Int64N(4), at, rng.Int64N(5), string("abcd"[rng.IntN(4)]), i})
	}
	return all
}

// shownMatch is how a match, or what has timed out, is shown.
func shownMatch(m *pattern.Match[trade]) string {
	var s string
	for _, r := range m.All() {
		s += fmt.Sprint(" ", r.Kind, r.N)
	}
	return fmt.Sprint(m.All()[0].Key, ":", s)
}

// rises is the simple evaluation of the pattern: loops over sorted rows.
func rises(rows []trade, within int64) (matches, timedOut []string) {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b trade) int { return cmp.Compare(a.Time, b.Time) })
	for i, a := range rows {
		if a.Kind != "a" {
			continue
		}
		so := fmt.Sprint(a.Key, ": a", a.N)
		risen := false
		for _, r := range rows[i+1:] {
			switch {
			case r.Key != a.Key || r.Time >= a.Time+within:
			case r.Kind == "b" && r.Price > a.Price && !risen:
				so, risen = fmt.Sprint(so, " b", r.N), true
			case r.Kind == "c" && risen:
				matches = append(matches, fmt.Sprint(so, " c", r.N))
			}
		}
		timedOut = append(timedOut, so)
	}
	return sorted(matches), sorted(timedOut)
}

// detect runs a job over rows in two parts, with an end in its middle if it has a checkpoint by then.
func detect(t *testing.T, rng *rand.Rand, rows []trade, p pattern.Pattern[trade]) (matches, timedOut []string) {
	t.Helper()
	sink, aside := newCollected[string](), newCollected[string]()
	build := func() *Job {
		job, late := NewJob("detect"), NewSide[pattern.Match[trade]]("timed out")
		pace := func(int64) error { <-time.After(time.Millisecond); return nil }
		in := From(job, "in", numbers{end: int64(len(rows)), splits: 1, batch: 1 + rng.IntN(9), gate: pace},
			EventTime(func(n *int64) int64 { return rows[*n].Time }, 40*time.Millisecond), With[int64](Parallelism(1)))
		byKey := KeyBy(Map(in, func(n *int64) trade { return rows[*n] }, Name("rows")),
			func(r *trade) int64 { return r.Key })
		To(Detect(byKey, "rises", p, shownMatch, TimedOutTo(late)), "out", sink)
		To(Map(late.Stream(), shownMatch), "aside", aside)
		return job
	}
	o := RunOptions{
		Parallelism: 1 + rng.IntN(3), MaxParallelism: 16, objects: mem.New(),
		UnalignedAfter:     time.Duration(rng.IntN(2) - 1),
		CheckpointInterval: time.Duration(3+rng.IntN(9)) * time.Millisecond,
	}
	stop, gate := make(chan struct{}), 1+rng.IntN(3)
	first := o
	first.Stop = stop
	first.OnEvent = func(e Event) {
		if _, ok := e.(CheckpointStored); ok {
			if gate--; gate == 0 {
				close(stop)
			}
		}
	}
	mustRun(t, build(), first)
	o.Parallelism = 1 + rng.IntN(3)
	mustRun(t, build(), o)
	return sorted(sink.rows()), sorted(aside.rows())
}

func TestMatchesAreThoseOfTheRowsInTheirOrderWhateverHappensToTheJob(t *testing.T) {
	joinSeeds(t, 20/slow, func(t *testing.T, rng *rand.Rand) {
		rows, within := trades(rng), int64(20+rng.IntN(150))
		matches, timedOut := detect(t, rng, rows, rise(time.Duration(within)*time.Millisecond))
		wantMatches, wantTimedOut := rises(rows, within)
		if !slices.Equal(matches, wantMatches) {
			t.Errorf("matches:\n%q, want\n%q", matches, wantMatches)
		}
		if !slices.Equal(timedOut, wantTimedOut) {
			t.Errorf("timed out:\n%q, want\n%q", timedOut, wantTimedOut)
		}
	})
}

// apart looks for two rows of a key, as text.
func apart(p pattern.Pattern[sale]) windowed {
	return func(s KeyedStream[string, sale]) Stream[string] {
		return Detect(s, "apart", p, func(m *pattern.Match[sale]) string {
			return fmt.Sprint(m.First("one").Who, " ", m.First("one").Amount, " ", m.Last("two").Amount)
		})
	}
}

func one() pattern.Pattern[sale] { return pattern.Begin[sale]("one") }

func TestLateRowsGoAsideAndAreCounted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var steps []step[sale]
		for i, at := range []int64{5, 25, 7, 26, 25, 40} {
			steps = append(steps, in(time.Second, sale{at, "ann", int64(i)}))
		}
		job, tooLate := NewJob("late"), NewSide[sale]("too late")
		sink, side := newCollected[string](), newCollected[sale]()
		span := func(m *pattern.Match[sale]) string { return fmt.Sprint(m.Start(), "-", m.End()) }
		found := Detect(fromSales(job, oneSplit(steps...)), "pairs", one().Next("two"), span, DetectLateTo(tooLate))
		To(found, "out", sink)
		To(tooLate.Stream(), "late", side)
		var count int64
		mustRun(t, job, RunOptions{Parallelism: 1, OnEvent: func(e Event) {
			if p, ok := e.(Progress); ok {
				count = p.Late
			}
		}})
		wantRows(t, sink.rows(), "5-25", "25-26", "26-40")
		wantRows(t, side.rows(), sale{7, "ann", 2}, sale{25, "ann", 4})
		if count != 2 {
			t.Errorf("%d late rows were counted", count)
		}
	})
}

func TestAMatchHasTheTimeOfWhatCompletesIt(t *testing.T) {
	ends := one().NotFollowedBy("other").Where(func(s *sale) bool { return s.Amount == 3 }).Within(ms(10))
	who := func(m *pattern.Match[sale]) string { return m.First("one").Who }
	for _, c := range []struct {
		p    pattern.Pattern[sale]
		want []string
	}{
		{one().Next("two"), []string{"ann@18", "ann@25", "ann@61", "bob@27"}},
		{ends, []string{"ann@14", "ann@27", "ann@34", "ann@70", "bob@21", "bob@36"}},
	} {
		job, sink := NewJob("times"), newCollected[string]()
		found := Detect(fromSales(job, sales(nil)), "found", c.p, who)
		timed := ProcessUnkeyed(found, "times", func() UnkeyedFunc[string, string] { return stamped{} })
		To(timed, "out", sink)
		mustRun(t, job, RunOptions{Parallelism: 1})
		wantRows(t, sorted(sink.rows()), c.want...)
	}
}

// stamped adds its event time to a row.
type stamped struct{}

func (stamped) Process(ctx *Context, who *string, out Collector[string]) error {
	out.Emit(fmt.Sprint(*who, "@", ctx.Time))
	return nil
}

// pausedDetection runs a job to a pause, and on from there with another pattern.
func pausedDetection(t *testing.T, before, after pattern.Pattern[sale], allow bool) (rows []string, err error) {
	t.Helper()
	store, sink := mem.New(), newCollected[string]()
	p := newPause()
	job := NewJob("paused")
	To(apart(before)(fromSales(job, sales(p))), "out", sink)
	mustRun(t, job, RunOptions{Parallelism: 1, Stop: p.stop, objects: store})
	job = NewJob("paused")
	To(apart(after)(fromSales(job, sales(nil))), "out", sink)
	_, err = job.Run(t.Context(), RunOptions{Parallelism: 2, objects: store, AllowDroppedState: allow})
	return sorted(sink.rows()), err
}

func TestAJobGoesOnWithThePatternThatItHad(t *testing.T) {
	p := one().Next("two").Where(func(s *sale) bool { return s.At < 50 }).Within(time.Hour)
	changed := one().Next("two").Where(func(s *sale) bool { return s.At == 18 }).Within(time.Minute)
	for _, c := range []struct {
		after pattern.Pattern[sale]
		want  []string
	}{
		{p, []string{"ann 1 3", "ann 3 4", "bob 2 5"}},
		{changed, []string{"ann 1 3"}},
	} {
		rows, err := pausedDetection(t, p, c.after, false)
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, rows, c.want...)
	}
}

func TestAJobDoesNotGoOnFromThePartialMatchesOfAnotherPattern(t *testing.T) {
	p, another := one().Next("two"), one().FollowedByAny("two")
	_, err := pausedDetection(t, p, another, false)
	wantError(t, err, `operator "apart"`, `"partial matches of begin one; next two"`, "--allow-dropped-state")
	if base.KindOf(err) != base.Config {
		t.Errorf("kind %v", base.KindOf(err))
	}
	rows, err := pausedDetection(t, p, another, true)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "ann 3 4", "ann 3 6", "ann 4 6") // of rows that still waited for their turn
}

func TestMistakesOfAPatternAreThoseOfTheJob(t *testing.T) {
	job, sink := NewJob("mistakes"), newCollected[string]()
	To(apart(one().NotFollowedBy("two"))(fromSales(job, sales(nil))), "out", sink)
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1})
	wantError(t, err, `operator "apart": the pattern ends with NotFollowedBy "two"`, "give it Within")
	if base.KindOf(err) != base.Config {
		t.Errorf("kind %v", base.KindOf(err))
	}
}

func TestRowsWithoutTimeHaveNoOrder(t *testing.T) {
	job := NewJob("detect")
	source := script[sale]{splits: [][]step[sale]{{in(0, sale{})}}}
	byWho := KeyBy(From(job, "in", source), func(s *sale) string { return s.Who })
	To(apart(one().Next("two"))(byWho), "out", newCollected[string]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
	wantError(t, err, "give the source an EventTime")
}
