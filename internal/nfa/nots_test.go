package nfa

import (
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/pattern"
)

func TestNotNextIsAboutTheNextRow(t *testing.T) {
	middle := followed(anyOf(notNext(begin("a"), "b"), "c"), "d")
	tell(t, []story{
		{"later", middle, "a c1 b c2 d", []string{"a c1 d", "a c2 d"}},
		{"next", middle, "a b c1 c2 d", nil},
		{"at the end", notNext(anyOf(anyOf(begin("a"), "c"), "d"), "b"), "a c1 c2 d b", nil},
		{"another row at the end", notNext(followed(begin("a"), "d"), "b"), "a d c", []string{"a d"}},
		{"no row at the end", notNext(followed(begin("a"), "d"), "b"), "a d", nil},
		{"behind one or more", followed(notNext(followed(begin("a"), "b").OneOrMore(), "c"), "d"), "a b1 c b2 d", nil},
		{"behind any of one or more", followed(notNext(anyOf(begin("a"), "b").OneOrMore(), "c"), "d"), "a b1 c b2 d",
			[]string{"a b2 d"}},
	})
}

func TestNotFollowedByIsAboutAllRowsUntilTheNextStage(t *testing.T) {
	tell(t, []story{
		{"between", followed(anyOf(notFollows(begin("a"), "b"), "c"), "d"), "a c1 b c2 d", []string{"a c1 d"}},
		{"before an optional stage", followed(anyOf(notFollows(begin("a"), "b"), "c").Optional(), "d"), "a c1 b c2 d",
			[]string{"a c1 d"}},
		{"before an optional stage at the end", anyOf(notFollows(begin("a"), "b"), "c").Optional(), "a c1 b c2",
			[]string{"a", "a c1"}},
		{"behind two", followed(notFollows(anyOf(begin("a"), "b").Times(2), "c"), "d"), "a b1 c b2 d",
			[]string{"a b1 b2 d"}},
		{"the row itself", followed(notFollows(begin("a"), "c"), "c1"), "a c1", nil},
	})
}

func TestANotEndsAllThatCouldHaveBecomeOfWhatIsBeforeIt(t *testing.T) {
	const after, before = "a b1 b2 b3 c b4 b5 b6 d", "a b1 c b4 b5 b6 d"
	end := func(p words) words { return followed(notFollows(p, "c"), "d") }
	begun := notFollows(begin("a"), "c")
	eager := []string{"a b1 d", "a b1 b4 d", "a b1 b4 b5 d", "a b1 b4 b5 b6 d"}
	behind := []string{"a b4 d", "a b5 d", "a b6 d", "a b4 b5 d", "a b5 b6 d", "a b4 b5 b6 d"}
	tell(t, []story{
		{"after one or more", end(followed(begin("a"), "b").OneOrMore()), after, nil},
		{"after one or more, combined", end(followed(begin("a"), "b").OneOrMore().AllowCombinations()), after, nil},
		{"after any of one or more", end(anyOf(begin("a"), "b").OneOrMore()), after, behind},
		{"after any of one or more, combined", end(anyOf(begin("a"), "b").OneOrMore().AllowCombinations()), after,
			append(behind[:6:6], "a b4 b6 d")},
		{"before one or more", followed(followed(begun, "b").OneOrMore(), "d"), before, eager},
		{"before any of one or more", followed(anyOf(begun, "b").OneOrMore(), "d"), before, eager},
		{"before none or more", followed(followed(begun, "b").OneOrMore().Optional(), "d"), before, eager},
		{"before any of none or more", followed(anyOf(begun, "b").OneOrMore().Optional(), "d"), before, eager},
		{"before one or more, combined", followed(followed(begun, "b").OneOrMore().AllowCombinations(), "d"), before,
			append(eager[:4:4], "a b1 b5 d", "a b1 b6 d", "a b1 b4 b6 d", "a b1 b5 b6 d")},
	})
}

func TestNotFollowedByAtTheEndIsKnownWhenTheTimeIsOver(t *testing.T) {
	p := notFollows(begin("a"), "b").Within(3 * time.Millisecond)
	got := run(t, p, "a1@1 b1@2 a2@4 c@5 b2@10 a3@11 b3@13").matches
	if want := []string{"a2 @6"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	p = followed(notFollows(begin("a"), "b"), "c").TimesBetween(0, 2).Within(3 * time.Millisecond)
	tell(t, []story{
		{"before an optional stage", p, "a1@1 b1@2 a2@10 c1@11 c2@12 a3@20 c3@21 c4@24",
			[]string{"a1", "a2", "a2 c1", "a2 c1 c2", "a3", "a3 c3"}},
		{"the longest without overlap",
			notFollows(followed(begin("a").OneOrMore().AllowCombinations(), "c"), "b").Within(5 * time.Millisecond).
				AfterMatch(pattern.SkipPastLastEvent()), "a1@1 a2@2 a3@3 c1@4 c2@10", []string{"a1 a2 a3 c1"}},
	})
}
