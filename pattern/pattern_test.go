package pattern

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func yes(*int) bool { return true }

func start() Pattern[int] { return Begin[int]("a") }

// never is a condition that has been forgotten.
var never func(*int) bool

func TestAMistakeInAPatternIsToldWithWhatToDo(t *testing.T) {
	for _, c := range []struct {
		p    Pattern[int]
		want string
	}{
		{Pattern[int]{}, "the pattern is empty: start with Begin"},
		{Pattern[int]{}.Where(yes), "Where has no stage to belong to: start with Begin"},
		{start().Next("b").FollowedBy("a"), `two stages are named "a": rename one`},
		{start().NotNext("b").Next("b"), `two stages are named "b": rename one`},
		{start().Next(""), "a stage has no name: give it one"},
		{start().NotFollowedBy("b"),
			`ends with NotFollowedBy "b", which can only be known when its time is over: give it Within`},
		{start().Optional().FollowedBy("b").OneOrMore().Optional(), "all stages are optional: let one take at least a row"},
		{start().Where(nil), `stage "a": Where: the condition is nil`},
		{start().WhereIterative(nil), `stage "a": WhereIterative: the condition is nil`},
		{start().OneOrMore().Until(never), `stage "a": Until: the condition is nil`},
		{start().Until(yes), "Until belongs to OneOrMore and TimesOrMore"},
		{start().OneOrMore().Until(yes).Until(yes), "the stage has two: give it one"},
		{start().Times(0), `stage "a": Times: it cannot take between 0 and 0 rows`},
		{start().TimesBetween(3, 2), "it cannot take between 3 and 2 rows"},
		{start().TimesBetween(0, -1), "it cannot take between 1 and -1 rows"},
		{start().TimesOrMore(-1), "TimesOrMore: it cannot take between -1 and 0 rows"},
		{start().OneOrMore().Times(2), "the stage has two quantifiers: give it one"},
		{start().Consecutive(), "the stage takes one row: give it a quantifier first"},
		{start().OneOrMore().Consecutive().AllowCombinations(), "Consecutive or allows combinations: choose one"},
		{start().NotNext("b").OneOrMore(), `stage "b": OneOrMore: a not takes no rows`},
		{start().NotNext("b").Optional(), `stage "b": Optional: a not takes no rows`},
		{start().Times(2).Greedy(), "there is nothing to be greedy for"},
		{start().OneOrMore().Greedy(),
			`stage "a" is Greedy, and no stage follows that could take its rows: leave Greedy out`},
		{start().Within(0), "Within: 0s is not a positive number of whole milliseconds"},
		{start().Within(time.Microsecond), "Within: 1µs is not a positive number of whole milliseconds"},
		{start().NotNext("b").AfterMatch(SkipToFirst("b")), `skips to stage "b", which the pattern does not have`},
		{start().AfterMatch(SkipToLast("c")),
			`skips to stage "c", which the pattern does not have: name one that takes rows`},
	} {
		if err := c.p.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v does not say %q", err, c.want)
		}
	}
}

func TestAPatternHasAtMostSoManyStages(t *testing.T) {
	p := start()
	for i := 1; i < MaxStages; i++ {
		p = p.Next(strings.Repeat("x", i))
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if err := p.Next("b").Validate(); err == nil || !strings.Contains(err.Error(), "65 stages, more than 64") {
		t.Errorf("%v", err)
	}
}

func TestAllMistakesAreToldTogether(t *testing.T) {
	err := start().Times(0).Next("a").Where(nil).AfterMatch(SkipToFirst("c")).Validate()
	if err == nil || len(strings.Split(err.Error(), "\n")) != 4 {
		t.Errorf("%v", err)
	}
}

func TestPatternsMayShareTheirBeginning(t *testing.T) {
	shared := start().Where(yes).Next("b")
	one, two := shared.OneOrMore().Next("c"), shared.Where(yes).Where(yes).FollowedBy("d")
	for p, want := range map[string]string{
		shared.String(): "begin a; next b",
		one.String():    "begin a; next b 1 or more times relaxed; next c",
		two.String():    "begin a; next b; followed by d",
	} {
		if p != want {
			t.Errorf("%q, want %q", p, want)
		}
	}
	if n := len(shared.Stages()[1].Conditions) + len(one.Stages()[1].Conditions); n != 0 {
		t.Errorf("%d conditions have come from elsewhere", n)
	}
}

func TestThePartOfAPatternThatStateDependsOnIsInItsDescription(t *testing.T) {
	p := start().TimesBetween(0, 3).Consecutive().Greedy().NotNext("b").
		FollowedByAny("c d").TimesOrMore(2).AllowCombinations().Until(yes).
		NotFollowedBy("e").FollowedBy("f").Times(2).Optional()
	want := `begin a 1 to 3 times consecutive optional greedy; not next b; ` +
		`followed by any "c d" 2 or more times combined until; ` +
		`not followed by e; followed by f 2 times relaxed optional`
	if err := p.Validate(); err != nil || p.String() != want {
		t.Errorf("%v, %q, want\n%q", err, p.String(), want)
	}
	if same := p.Within(time.Hour).AfterMatch(SkipToNext()).Where(yes).String(); same != want {
		t.Errorf("%q", same)
	}
}

func TestAMatchTellsTheRowsOfItsStages(t *testing.T) {
	m := NewMatch([]string{"a", "not", "b", "c"}, []int32{0, 2, 2}, []int{10, 20, 30}, []int64{1, 2, 3})
	for stage, want := range map[string][]int{"a": {10}, "b": {20, 30}, "c": nil, "not": nil, "other": nil} {
		if got := m.Rows(stage); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", stage, got, want)
		}
		if first, last := m.First(stage), m.Last(stage); want == nil && (first != nil || last != nil) ||
			want != nil && (*first != want[0] || *last != want[len(want)-1]) {
			t.Errorf("%s: %v to %v", stage, first, last)
		}
	}
	if m.Start() != 1 || m.End() != 3 || !slices.Equal(m.All(), []int{10, 20, 30}) {
		t.Errorf("%+v", m)
	}
}
