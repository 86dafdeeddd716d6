package nfa

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/pattern"
)

// someOf is a random condition on the value of a row.
func someOf(rng *rand.Rand) func(*event) bool {
	mask := 1 + rng.IntN(7)
	return func(e *event) bool { return mask>>e.V&1 == 1 }
}

// randomStage gives the last stage conditions and a quantifier.
func randomStage(rng *rand.Rand, p pattern.Pattern[event], not, last bool) pattern.Pattern[event] {
	p = p.Where(someOf(rng))
	if rng.IntN(4) == 0 {
		odd := rng.IntN(2)
		p = p.WhereIterative(func(e *event, m *pattern.Match[event]) bool {
			sum := e.V
			for _, before := range m.All() {
				sum += before.V
			}
			return sum%2 == odd || len(m.Rows("s0")) > 1
		})
	}
	if not {
		return p
	}
	varies := true
	switch rng.IntN(8) {
	case 0:
		p = p.OneOrMore()
	case 1:
		p = p.TimesOrMore(2)
	case 2:
		p = p.Times(2)
		varies = false
	case 3:
		from := 1 + rng.IntN(2)
		p = p.TimesBetween(from, from+1)
	default:
		varies = false
	}
	s := p.Stages()[len(p.Stages())-1]
	if s.Max == 0 && rng.IntN(3) == 0 {
		p = p.Until(someOf(rng))
	}
	if s.Repeats() && rng.IntN(3) == 0 {
		p = p.Consecutive()
	} else if s.Repeats() && rng.IntN(2) == 0 {
		p = p.AllowCombinations()
	}
	if rng.IntN(4) == 0 {
		p, varies = p.Optional(), true
	}
	if varies && !last && rng.IntN(3) == 0 {
		p = p.Greedy()
	}
	return p
}

// randomPattern returns a valid one of up to five stages, nots included.
func randomPattern(rng *rand.Rand) pattern.Pattern[event] {
	for {
		n := 1 + rng.IntN(5)
		p := randomStage(rng, pattern.Begin[event]("s0"), false, n == 1)
		for i := 1; i < n; i++ {
			name, kind := fmt.Sprint("s", i), rng.IntN(8)
			p = []func(string) pattern.Pattern[event]{
				p.Next, p.Next, p.FollowedBy, p.FollowedBy, p.FollowedByAny, p.FollowedByAny, p.NotNext, p.NotFollowedBy,
			}[kind](name)
			p = randomStage(rng, p, kind >= 6, i == n-1)
		}
		if rng.IntN(2) == 0 {
			p = p.Within(time.Duration(1+rng.IntN(8)) * time.Millisecond)
		}
		p = p.AfterMatch([]pattern.Skip{
			pattern.NoSkip(), pattern.NoSkip(), pattern.SkipToNext(), pattern.SkipPastLastEvent(), pattern.SkipToFirst("s1"),
			pattern.SkipToLast("s1"),
		}[rng.IntN(6)])
		if p.Validate() == nil {
			return p
		}
	}
}

func randomRows(rng *rand.Rand) (rows []event) {
	at := int64(0)
	for i := range 1 + rng.IntN(8) {
		at += rng.Int64N(3)
		rows = append(rows, event{i, rng.IntN(3), at})
	}
	return rows
}

// stepped is what the machine finds. Time advances now and then between rows.
func stepped(t *testing.T, rng *rand.Rand, p pattern.Pattern[event], rows []event) *listed[event] {
	t.Helper()
	m, s, b, out := Compile(p), &Runs{}, newMemory[event](), &listed[event]{}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		b.check(t, s)
	}
	for i := range rows {
		if at, ok := m.Deadline(s); ok && at <= rows[i].Time && rng.IntN(2) == 0 {
			check(m.Advance(s, b, at, out))
		}
		before := slices.Clone(s.Runs)
		kept := s.Runs
		check(m.Step(s, b, &rows[i], rows[i].Time, out))
		if !slices.Equal(before, kept) {
			t.Fatal("runs have been changed in place")
		}
	}
	check(m.Advance(s, b, math.MaxInt64, out))
	if p.Time() > 0 && (!s.Empty() || len(b.nodes) > 0 || len(b.rows) > 0) {
		t.Errorf("when all time is over, %d nodes and %d rows are left", len(b.nodes), len(b.rows))
	}
	return out
}

func TestWhatIsFoundIsWhatTheDefinitionSays(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	var matches, timedOut int
	for i := range uint64(6000) {
		rng := rand.New(rand.NewPCG(seed, i))
		p, rows := randomPattern(rng), randomRows(rng)
		got := stepped(t, rng, p, rows)
		want, late := newBrute(p, rows).result()
		if p.Skip().None() {
			slices.Sort(got.matches)
			slices.Sort(want)
		} else { // in their order, at times that depend on what they have waited for
			got.matches, want = untimed(got.matches), untimed(want)
		}
		if waits := !p.Skip().None() && p.Time() == 0; waits && len(got.matches) < len(want) {
			want = want[:len(got.matches)] // others wait for ever, behind what began first
		}
		slices.Sort(got.timedOut)
		slices.Sort(late)
		if !slices.Equal(got.matches, want) || !slices.Equal(got.timedOut, late) {
			t.Errorf("%v, within %v, %+v, in %v:\n%q, timed out %q, want\n%q, timed out %q",
				p, p.Time(), p.Skip(), rows, got.matches, got.timedOut, want, late)
		}
		if t.Failed() {
			t.Fatalf("seed %d, %d", seed, i)
		}
		matches, timedOut = matches+len(want), timedOut+len(late)
	}
	if matches < 4000 || timedOut < 4000 {
		t.Errorf("only %d matches and %d that timed out", matches, timedOut)
	}
}

// untimed leaves out at what times there were matches.
func untimed(all []string) []string {
	all = slices.Clone(all)
	for i, m := range all {
		all[i] = m[:strings.Index(m, " @")]
	}
	return all
}
