package nfa

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/pattern"
)

func TestAMatchLastsLessThanItsTime(t *testing.T) {
	p := followed(begin("a"), "b").Within(10 * time.Millisecond)
	out := run(t, p, "a1@1 a2@2 b1@11 a3@20 b2@29")
	if want := []string{"a2 b1 @11", "a3 b2 @29"}; !slices.Equal(out.matches, want) {
		t.Errorf("%q, want %q", out.matches, want)
	}
	if want := []string{"a1 @10"}; !slices.Equal(out.timedOut, want) {
		t.Errorf("timed out: %q, want %q", out.timedOut, want)
	}
}

func TestWhatHasBeenAMatchDoesNotTimeOut(t *testing.T) {
	out := run(t, followed(begin("a"), "b").OneOrMore().Within(10*time.Millisecond), "a1@1 b1@2 a2@20")
	if want := []string{"a2 @29"}; !slices.Equal(out.timedOut, want) {
		t.Errorf("%q, want %q", out.timedOut, want)
	}
}

func TestTheEndOfAllTimeEndsWhatIsCloseToIt(t *testing.T) {
	p := followed(begin("a"), "b").Within(time.Hour)
	m, s, b, out := Compile(p), &Runs{}, newMemory[string](), &listed[string]{}
	row := "a"
	if err := m.Step(s, b, &row, math.MaxInt64-5, out); err != nil {
		t.Fatal(err)
	}
	if at, ok := m.Deadline(s); at != math.MaxInt64 || !ok {
		t.Errorf("%d, %v", at, ok)
	}
	if err := m.Advance(s, b, math.MaxInt64, out); err != nil || !s.Empty() || len(out.timedOut) != 1 {
		t.Errorf("%v, %+v, %q", err, s, out.timedOut)
	}
}

func TestWithoutATimeNothingEndsAndNothingIsDue(t *testing.T) {
	m, s, b, out := Compile(followed(begin("a"), "b")), &Runs{}, newMemory[string](), &listed[string]{}
	row := "a"
	if err := m.Step(s, b, &row, 1, out); err != nil {
		t.Fatal(err)
	}
	_, due := m.Deadline(s)
	if err := m.Advance(s, b, math.MaxInt64, out); err != nil || due || s.Empty() || len(out.timedOut) > 0 {
		t.Errorf("%v, due %v, %+v, %q", err, due, s, out.timedOut)
	}
}

func TestAStrategySaysWhatAMatchSkips(t *testing.T) {
	loop, greedy := next(begin("b").OneOrMore(), "c"), next(pattern.Begin[string]("1").Where(func(row *string) bool {
		return *row < "d"
	}).Next("2").Where(func(row *string) bool {
		return *row >= "b" && *row < "d"
	}).Next("c").Where(is("c")).OneOrMore().Greedy(), "d")
	all := []string{"b1 b2 b3 c", "b2 b3 c", "b3 c"}
	times := begin("a").Times(3)
	nextTo := next(begin("a"), "b").OneOrMore()
	stories := []story{
		{"none", loop.AfterMatch(pattern.NoSkip()), "b1 b2 b3 c", all},
		{"to next", loop.AfterMatch(pattern.SkipToNext()), "b1 b2 b3 c", all},
		{"past last", loop.AfterMatch(pattern.SkipPastLastEvent()), "b1 b2 b3 c", all[:1]},
		{"to first", loop.AfterMatch(pattern.SkipToFirst("b")), "b1 b2 b3 c", all},
		{"to last", loop.AfterMatch(pattern.SkipToLast("b")), "b1 b2 b3 c", []string{all[0], all[2]}},
		{"greedy, none", greedy, "a b c1 c2 c3 d", []string{"a b c1 c2 c3 d", "b c1 c2 c3 d", "c1 c2 c3 d"}},
		{"greedy, to first", greedy.AfterMatch(pattern.SkipToFirst("c")), "a b c1 c2 c3 d",
			[]string{"a b c1 c2 c3 d", "c1 c2 c3 d"}},
		{"a loop, none", nextTo, "a b1 b2 b3", []string{"a b1", "a b1 b2", "a b1 b2 b3"}},
		{"a loop, to next", nextTo.AfterMatch(pattern.SkipToNext()), "a b1 b2 b3", []string{"a b1"}},
		{"three of six", times.AfterMatch(pattern.SkipPastLastEvent()), "a1 a2 a3 a4 a5 a6",
			[]string{"a1 a2 a3", "a4 a5 a6"}},
		{"any, to next", anyOf(begin("a"), "b").AfterMatch(pattern.SkipToNext()), "a1 b1 a2 b2",
			[]string{"a1 b1", "a2 b2"}},
		{"past last of three stages", followed(anyOf(anyOf(begin("a"), "b"), "c"), "d").
			AfterMatch(pattern.SkipPastLastEvent()), "a1 a2 b1 b2 c1 c2 d1 d2", []string{"a1 b1 c1 d1"}},
		{"to a stage without rows", followed(followed(begin("a"), "x").Optional(), "b").
			AfterMatch(pattern.SkipToFirst("x")), "a1 a2 b", []string{"a1 b", "a2 b"}},
	}
	for i := range stories { // what could still go on is over then, and lets out what waits for it
		stories[i].pattern = stories[i].pattern.Within(time.Hour)
	}
	tell(t, stories)
}

// The match that begins with the second row is complete first, and waits for what becomes of the first row.
func TestAMatchWaitsForWhatBeganBeforeIt(t *testing.T) {
	first := pattern.Begin[string]("a").Where(is("a"))
	p := first.FollowedBy("b").WhereIterative(func(row *string, before *pattern.Match[string]) bool {
		return (*row)[1:] == (*before.First("a"))[1:]
	}).Within(10 * time.Millisecond).AfterMatch(pattern.SkipPastLastEvent())
	for rows, want := range map[string][]string{
		"a1@1 a2@2 b2@3 b1@4 ":      {"a1 b1 @4"},
		"a1@1 a2@2 b2@3 x@11 b1@12": {"a2 b2 @10"},
	} {
		if got := run(t, p, rows).matches; !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", rows, got, want)
		}
	}
}

func TestAConditionSeesWhatTheMatchHasTaken(t *testing.T) {
	number := func(row *string) int { n, _ := strconv.Atoi((*row)[1:]); return n }
	rising := pattern.Begin[string]("a").Where(is("a")).OneOrMore().WhereIterative(
		func(row *string, before *pattern.Match[string]) bool {
			last := before.Last("a")
			return last == nil || number(last) < number(row)
		}).FollowedBy("b").WhereIterative(func(row *string, before *pattern.Match[string]) bool {
		sum := 0
		for _, a := range before.Rows("a") {
			sum += number(&a)
		}
		return is("b")(row) && number(row) == sum
	})
	tell(t, []story{
		{"rows of its own stage and of another", rising, "a1 a3 a2 b4 b3", []string{"a1 a3 b4", "a3 b3"}},
	})
}
