package nfa

import (
	"testing"

	"github.com/aquifer-stream/aquifer/pattern"
)

type words = pattern.Pattern[string]

func begin(letter string) words { return pattern.Begin[string](letter).Where(is(letter)) }

func next(p words, letter string) words     { return p.Next(letter).Where(is(letter)) }
func followed(p words, letter string) words { return p.FollowedBy(letter).Where(is(letter)) }
func anyOf(p words, letter string) words    { return p.FollowedByAny(letter).Where(is(letter)) }
func notNext(p words, letter string) words  { return p.NotNext("not" + letter).Where(is(letter)) }
func notFollows(p words, letter string) words {
	return p.NotFollowedBy("not" + letter).Where(is(letter))
}

func TestContiguitySaysWhatMayBeBetweenTwoStages(t *testing.T) {
	tell(t, []story{
		{"next, with a row between", next(begin("a"), "b"), "a c b1 b2", nil},
		{"next", next(begin("a"), "b"), "a b1 b2", []string{"a b1"}},
		{"followed by", followed(begin("a"), "b"), "a c b1 b2", []string{"a b1"}},
		{"followed by any", anyOf(begin("a"), "b"), "a c b1 b2", []string{"a b1", "a b2"}},
		{"three stages", followed(anyOf(begin("a"), "b"), "c"), "a b1 b2 c1 c2", []string{"a b1 c1", "a b2 c1"}},
		{"every row may begin a match", followed(begin("a"), "b"), "a1 a2 b", []string{"a1 b", "a2 b"}},
		{"a stage without conditions takes all", begin("a").Next("x"), "a b a", []string{"a b"}},
		{"a row is taken once", next(begin("a"), "a2"), "a1 a2 a2", []string{"a1 a2", "a2 a2"}},
	})
}

func TestAStageTakesAsManyRowsAsItsQuantifierSays(t *testing.T) {
	loop := func(p words) words { return followed(p, "c") }
	tell(t, []story{
		{"two, consecutive", loop(anyOf(begin("a"), "b").Times(2).Consecutive()), "a b1 x b2 b3 c", []string{"a b2 b3 c"}},
		{"two", loop(anyOf(begin("a"), "b").Times(2)), "a b1 x b2 b3 c", []string{"a b1 b2 c", "a b2 b3 c"}},
		{"two, combined", loop(anyOf(begin("a"), "b").Times(2).AllowCombinations()), "a b1 x b2 b3 c",
			[]string{"a b1 b2 c", "a b1 b3 c", "a b2 b3 c"}},
		{"two behind next", loop(next(begin("a"), "b").Times(2)), "a b1 x b2 b3 c", []string{"a b1 b2 c"}},
		{"two behind next, consecutive", loop(next(begin("a"), "b").Times(2).Consecutive()), "a b1 x b2 b3 c", nil},
		{"one to three", loop(followed(begin("a"), "b").TimesBetween(1, 3)), "a b1 b2 b3 b4 c",
			[]string{"a b1 c", "a b1 b2 c", "a b1 b2 b3 c"}},
		{"up to one", followed(begin("a"), "b").TimesBetween(0, 1), "a b1 b2", []string{"a", "a b1"}},
		{"two or more", loop(followed(begin("a"), "b").TimesOrMore(2)), "a b1 b2 b3 c",
			[]string{"a b1 b2 c", "a b1 b2 b3 c"}},
		{"in front", next(begin("b").Times(2), "c"), "b1 b2 b3 c", []string{"b2 b3 c"}},
		{"at the end", followed(begin("a"), "b").OneOrMore(), "a b1 b2", []string{"a b1", "a b1 b2"}},
	})
}

func TestOneOrMoreWithEachContiguity(t *testing.T) {
	const rows = "c d a1 a2 a3 d a4 b"
	few := []string{"c a1 b", "c a1 a2 b", "c a1 a2 a3 b"}
	loop := func(p words) words { return followed(p, "b") }
	tell(t, []story{
		{"consecutive", loop(followed(begin("c"), "a").OneOrMore().Consecutive()), rows, few},
		{"relaxed", loop(followed(begin("c"), "a").OneOrMore()), rows, append(few[:3:3], "c a1 a2 a3 a4 b")},
		{"combined", loop(followed(begin("c"), "a").OneOrMore().AllowCombinations()), rows, append(few[:3:3],
			"c a1 a3 b", "c a1 a4 b", "c a1 a2 a4 b", "c a1 a3 a4 b", "c a1 a2 a3 a4 b")},
		{"behind next", loop(next(begin("c"), "a").OneOrMore()), rows, nil},
		{"behind any, consecutive", followed(anyOf(begin("a"), "b").OneOrMore().Consecutive(), "c"), "a b1 d1 b2 d2 b3 c",
			[]string{"a b1 c", "a b2 c", "a b3 c"}},
		{"behind any", followed(anyOf(begin("a"), "b").OneOrMore(), "c"), "a b1 d1 b2 d2 b3 c",
			[]string{"a b1 c", "a b1 b2 c", "a b1 b2 b3 c", "a b2 c", "a b2 b3 c", "a b3 c"}},
		{"behind any, combined", followed(anyOf(begin("a"), "b").OneOrMore().AllowCombinations(), "c"), "a b1 d1 b2 d2 b3 c",
			[]string{"a b1 c", "a b1 b2 c", "a b1 b2 b3 c", "a b1 b3 c", "a b2 c", "a b2 b3 c", "a b3 c"}},
	})
}

func TestAnOptionalStageMayHaveNoRows(t *testing.T) {
	tell(t, []story{
		{"in the middle", followed(followed(begin("a"), "b").Optional(), "c"), "a b c", []string{"a c", "a b c"}},
		{"in front", next(begin("a").Optional(), "b"), "a b", []string{"a b", "b"}},
		{"at the end", followed(begin("a"), "b").Optional(), "a b", []string{"a", "a b"}},
		{"many", followed(followed(begin("c"), "a").OneOrMore().Optional(), "b"), "c a1 a2 b",
			[]string{"c b", "c a1 b", "c a1 a2 b"}},
		{"many at the end", followed(begin("c"), "a").OneOrMore().Optional(), "c a1 a2", []string{"c", "c a1", "c a1 a2"}},
		{"two or none", followed(followed(begin("c"), "a").Times(2).Optional(), "b"), "c a1 a2 b",
			[]string{"c b", "c a1 a2 b"}},
		{"the next is next", next(followed(begin("a"), "b").Optional(), "c"), "a x b c", []string{"a b c"}},
	})
}

func TestAGreedyStageLetsNoRowPass(t *testing.T) {
	tell(t, []story{
		{"one or more", followed(followed(begin("c"), "a").OneOrMore().Greedy(), "d"), "c a1 x a2 a3 d",
			[]string{"c a1 a2 a3 d"}},
		{"none or more", followed(followed(begin("c"), "a").OneOrMore().Optional().Greedy(), "d"), "c a1 a2 d",
			[]string{"c a1 a2 d"}},
		{"none", followed(followed(begin("c"), "a").OneOrMore().Optional().Greedy(), "d"), "c x d", []string{"c d"}},
		{"an optional one", followed(followed(begin("c"), "a").Optional().Greedy(), "d"), "c a d", []string{"c a d"}},
		{"up to two", followed(followed(begin("c"), "a").TimesBetween(1, 2).Greedy(), "d"), "c a1 a2 a3 d",
			[]string{"c a1 a2 d"}},
		{"instead of the next", next(next(begin("a"), "b").OneOrMore().Greedy(), "b2"), "a b1 b2", nil},
		{"until", followed(followed(begin("c"), "a").OneOrMore().Greedy().Until(is("a4")), "d"), "c a1 a2 a3 a4 d",
			[]string{"c a1 a2 a3 d"}},
		{"until, at first", followed(followed(begin("c"), "a").OneOrMore().Greedy().Until(is("a4")), "d"), "c a4 a1 a2 d",
			nil},
		{"until, at first, optional",
			followed(followed(begin("c"), "a").OneOrMore().Optional().Greedy().Until(is("a4")), "d"),
			"c a4 a1 a2 d", []string{"c d"}},
	})
}

func TestUntilEndsAStage(t *testing.T) {
	until := func(p words) words { return p.Until(is("a5")) }
	const rows = "c a1 a2 a5 a6"
	some := []string{"c a1 a5", "c a1 a2 a5"}
	tell(t, []story{
		{"one or more", followed(until(followed(begin("c"), "a").OneOrMore()), "a5"), rows, some},
		{"consecutive", followed(until(followed(begin("c"), "a").OneOrMore().Consecutive()), "a5"), rows, some},
		{"combined", followed(until(followed(begin("c"), "a").OneOrMore().AllowCombinations()), "a5"), "c a1 a2 a3 a5 a6",
			[]string{"c a1 a2 a3 a5", "c a1 a2 a5", "c a1 a3 a5", "c a1 a5"}},
		{"none or more", followed(until(followed(begin("c"), "a").OneOrMore().Optional()), "a5"), rows,
			append(some[:2:2], "c a5")},
		{"behind any", until(anyOf(begin("c"), "a").OneOrMore()), rows, []string{"c a1", "c a1 a2", "c a2", "c a6"}},
		{"behind any, optional", until(anyOf(begin("c"), "a").OneOrMore().Optional()), rows,
			[]string{"c", "c a1", "c a1 a2", "c a2", "c a6"}},
		{"without conditions", begin("c").FollowedBy("x").OneOrMore().Until(is("a5")), "c a1 a2 d a5 a6",
			[]string{"c a1", "c a1 a2", "c a1 a2 d"}},
	})
}
