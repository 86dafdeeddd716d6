package multimap

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
)

// model is a map of slices: what a map must be like.
type model map[[2]int64][]string

func (m model) each(key, from, to int64, most int) string {
	var all []string
	for at := from; at <= to; at++ {
		all = append(all, m[[2]int64{key, at}]...)
	}
	return strings.Join(all[:min(most, len(all))], " ")
}

// step does the same to both, and compares what they say.
func (s *subject) step(rng *rand.Rand, m model, n int) {
	s.t.Helper()
	key, at := rng.Int64N(3), rng.Int64N(12)-6
	id := [2]int64{key, at}
	var want, got any
	switch ctx := s.at(key); rng.IntN(9) {
	case 0, 1, 2, 3, 4:
		want, got = len(m[id]) == 0, s.add(ctx, at, fmt.Sprint("row", n))
		m[id] = append(m[id], fmt.Sprint("row", n))
		for i := range rng.IntN(60) / 50 * 200 { // now and then more than a page of memory has
			m[id] = append(m[id], fmt.Sprint("more", i))
			s.add(ctx, at, fmt.Sprint("more", i))
		}
	case 5, 6:
		to, most := at+rng.Int64N(4)-1, 1+rng.IntN(40)
		want, got = m.each(key, at, to, most), s.each(ctx, at, to, most)
	case 7:
		rows, err := s.m.Take(ctx, at)
		must(s.t, err)
		want, got = fmt.Sprint(m[id]), fmt.Sprint(rows)
		delete(m, id)
	case 8:
		must(s.t, s.m.Drop(ctx, at))
		delete(m, id)
	}
	if want != got {
		s.t.Errorf("step %d, key %d, number %d: %v, want %v", n, key, at, got, want)
	}
}

func TestRowsAreThoseOfSlicesUnderTheirNumbers(t *testing.T) {
	evicted := int64(0)
	tellEach(t, 12, func(t testing.TB, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		s, m := newSubject(t, rng.Int64N(2)), model{}
		for n := range 400 {
			switch rng.IntN(40) {
			case 0:
				s.freeze()
			case 1:
				evicted += s.store.Counts().Evicted
				s.restart()
			}
			s.step(rng, m, n)
		}
		for key := range int64(3) {
			if got, want := s.each(s.at(key), -6, 6, 1000), m.each(key, -6, 6, 1000); got != want {
				t.Errorf("in the end key %d has %s, want %s", key, got, want)
			}
		}
		evicted += s.store.Counts().Evicted
	})
	if t.Logf("%d entries were forgotten for want of memory", evicted); evicted == 0 {
		t.Error("nothing was forgotten")
	}
}

func TestToAddARowCostsTheSameHoweverManyThereAre(t *testing.T) {
	const rows = 2000
	s := newSubject(t, 0)
	bytes := make([]int, 0, rows)
	for n := range rows {
		s.add(s.at(1), 7, fmt.Sprintf("row %06d", n))
		before := s.below.written
		s.freeze()
		if wrote := s.below.written - before; wrote > 3 { // the row, the count, and at first the key
			t.Fatalf("row %d makes %d entries to be written", n, wrote)
		}
		bytes = append(bytes, len(s.below.values[len(s.below.values)-1]))
	}
	if longest := slices.Max(bytes); longest > 20 {
		t.Errorf("an entry has %d bytes", longest)
	}
	s.restart()
	ctx := s.at(1)
	s.below.asked()
	s.add(ctx, 7, "one more")
	if got := s.below.asked(); got != "1 keys in 1 reads, 0 scans" {
		t.Errorf("to add one more: %s", got)
	}
}

func TestRowsAreReadInGroupsAndNoneOfOtherNumbers(t *testing.T) {
	s := newSubject(t, 0)
	for at := range int64(100) {
		for n := range 30 {
			s.add(s.at(1), at, fmt.Sprint(at, ":", n))
		}
	}
	for range flow.MaxReads + 1 {
		s.add(s.at(1), 100, "many")
	}
	for _, c := range []struct {
		from, to int64
		most     int
		want     string
	}{
		{10, 13, 1000, "124 keys in 2 reads, 0 scans"},
		{-5, -1, 1000, "5 keys in 1 reads, 0 scans"},
		{100, 100, 5, "1025 keys in 2 reads, 0 scans"}, // of which one group is enough
		{100, 100, 5000, "1026 keys in 3 reads, 0 scans"},
	} {
		s.restart()
		ctx := s.at(1)
		s.below.asked()
		s.each(ctx, c.from, c.to, c.most)
		if got := s.below.asked(); got != c.want {
			t.Errorf("%d rows of %d to %d: %s, want %s", c.most, c.from, c.to, got, c.want)
		}
	}
}

func TestToDropRowsReadsNoneOfThem(t *testing.T) {
	s := newSubject(t, 0)
	for n := range 50 {
		s.add(s.at(1), 5, fmt.Sprint(n))
	}
	s.restart()
	ctx := s.at(1)
	s.below.asked()
	must(t, s.m.Drop(ctx, 5))
	if got := s.below.asked(); got != "1 keys in 1 reads, 0 scans" {
		t.Errorf("%s", got)
	}
	s.restart()
	if left := s.each(s.at(1), 5, 5, 100); left != "" || len(s.below.keys) > 1 {
		t.Errorf("%q are left, and %d entries below", left, len(s.below.keys))
	}
}

func TestNumbersMayBeTheLeastAndTheGreatest(t *testing.T) {
	s := newSubject(t, 0)
	ctx := s.at(1)
	for _, at := range []int64{math.MaxInt64, math.MinInt64, math.MinInt64 + 1, math.MaxInt64 - 1} {
		s.add(ctx, at, fmt.Sprint(at))
	}
	const low, high = "-9223372036854775808 -9223372036854775807", "9223372036854775806 9223372036854775807"
	if got := s.each(ctx, math.MinInt64, math.MinInt64+3, 9); got != low {
		t.Error(got)
	}
	if got := s.each(ctx, math.MaxInt64-3, math.MaxInt64, 9); got != high {
		t.Error(got)
	}
	if got := s.each(ctx, 1, 0, 9); got != "" {
		t.Error(got)
	}
}

func TestWhoCountsRowsHimselfAddsThemWithoutARead(t *testing.T) {
	s := newSubject(t, 0)
	must(t, s.rows.Add(s.at(1), Part{3, 0}, "a"))
	s.restart()
	ctx := s.at(1)
	s.below.asked()
	must(t, errors.Join(s.rows.Add(ctx, Part{3, 1}, "b"), s.rows.Add(ctx, Part{9, 0}, "c")))
	if got := s.below.asked(); got != "0 keys in 0 reads, 0 scans" {
		t.Errorf("%s", got)
	}
	var all []string
	parts := []Part{{9, 1}, {3, 2}}
	must(t, s.rows.Each(ctx, parts, func(row *string) bool { all = append(all, *row); return true }))
	must(t, s.rows.Drop(ctx, parts[1]))
	must(t, s.rows.Each(ctx, parts, func(row *string) bool { all = append(all, *row); return true }))
	if got := strings.Join(all, " "); got != "c a b c" {
		t.Error(got)
	}
}

func TestRowsAreRefusedOutsideACall(t *testing.T) {
	s := newSubject(t, 0)
	ctx := s.at(1)
	ctx.Leave()
	none := func(*string) bool { t.Error("a row is visited"); return true }
	_, add := s.m.Add(ctx, 1, "a")
	_, take := s.m.Take(ctx, 1)
	for what, err := range map[string]error{
		"add": add, "take": take, "each": s.m.Each(ctx, 1, 2, none), "drop": s.m.Drop(ctx, 1),
		"add to part": s.rows.Add(ctx, Part{}, "a"), "each of parts": s.rows.Each(ctx, []Part{{1, 1}}, none),
		"drop part": s.rows.Drop(ctx, Part{1, 1}),
	} {
		if !errors.Is(err, flow.ErrOutsideCall) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestANameThatIsTakenIsRefused(t *testing.T) {
	s := newSubject(t, 0)
	scope := state.NewScope(s.store)
	for _, name := range []string{"map", "rows"} {
		if _, err := Open[string](scope, name); err == nil {
			t.Errorf("%s may be declared again", name)
		}
	}
}
