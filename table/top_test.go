package table_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/table"
)

func byN(a, b *item) int { return cmp.Compare(a.N, b.N) }

// inOrder orders all rows, so that there is one right answer.
func inOrder(a, b *item) int { return cmp.Or(byN(a, b), cmp.Compare(a.Tag, b.Tag)) }

// firsts are the first rows of each key, with their ranks.
func firsts(items map[int64][]item, n int, compare func(a, b *item) int) map[table.Ranked[item]]int64 {
	all := map[table.Ranked[item]]int64{}
	for _, rows := range items {
		slices.SortStableFunc(rows, func(a, b item) int { return compare(&a, &b) })
		for i, row := range rows[:min(n, len(rows))] {
			all[table.Ranked[item]{Rank: int64(i + 1), Row: row}]++
		}
	}
	return all
}

// unranked drops the ranks.
func unranked(ranked map[table.Ranked[item]]int64) map[item]int64 {
	all := map[item]int64{}
	for r, n := range ranked {
		all[r.Row] += n
	}
	return all
}

func TestTheFirstRowsOfAStreamAreThoseOfAllItsRows(t *testing.T) {
	seeds(t, 4, func(t *testing.T, rng *rand.Rand) {
		in, n := drawRows(rng), 1+rng.IntN(6)
		inArrival := map[int64][]item{}
		for _, c := range in {
			inArrival[c.Row.Key] = append(inArrival[c.Row.Key], c.Row)
		}
		want := firsts(inArrival, n, byN)
		if rng.IntN(2) == 0 {
			got := lives(t, rng, func(s []keyed) table.Changelog[table.Ranked[item]] {
				return table.TopRanked(rowsOf(s[0]), "top", n, byN)
			}, in)
			same(t, tableOf(t, got), want)
			return
		}
		got := lives(t, rng, func(s []keyed) table.Changelog[item] { return table.Top(rowsOf(s[0]), "top", n, byN) }, in)
		same(t, tableOf(t, got), unranked(want))
	})
}

func TestTheFirstRowsOfATableFollowIt(t *testing.T) {
	seeds(t, 10, func(t *testing.T, rng *rand.Rand) {
		in, n := drawTape(rng, rng.IntN(2) == 0), 1+rng.IntN(4)
		want := firsts(itemsOf(t, in), n, inOrder)
		if rng.IntN(2) == 0 {
			got := lives(t, rng, func(s []keyed) table.Changelog[table.Ranked[item]] {
				return table.TopRankedChanges(s[0], "top", n, inOrder)
			}, in)
			same(t, tableOf(t, got), want)
			return
		}
		got := lives(t, rng, func(s []keyed) table.Changelog[item] { return table.TopChanges(s[0], "top", n, inOrder) }, in)
		same(t, tableOf(t, got), unranked(want))
	})
}

// The first row of a table that is updated is no stream that only grows: what takes its place must take it back.
func TestAFirstRowThatIsOvertakenIsTakenBack(t *testing.T) {
	seeds(t, 1, func(t *testing.T, rng *rand.Rand) {
		in := tape{
			{Row: item{1, 7, "first"}},
			{Row: item{1, 5, "better"}},
			{Kind: aquifer.Delete, Row: item{1, 5, "better"}},
		}
		got := lives(t, rng, func(s []keyed) table.Changelog[item] { return table.TopChanges(s[0], "top", 1, inOrder) }, in)
		same(t, tableOf(t, got), added(item{1, 7, "first"}))
	})
}
