package table_test

import (
	"math/rand/v2"
	"testing"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/table"
)

// couple is a row of a join.
type couple struct{ Left, Right item }

func coupled(l, r *item) (c couple) {
	if l != nil {
		c.Left = *l
	}
	if r != nil {
		c.Right = *r
	}
	return c
}

// couples is the simple evaluation of a join.
func couples(left, right map[int64][]item, outerLeft, outerRight bool) map[couple]int64 {
	all := map[couple]int64{}
	for key, rows := range left {
		for _, l := range rows {
			for _, r := range right[key] {
				all[couple{l, r}]++
			}
			if outerLeft && len(right[key]) == 0 {
				all[couple{Left: l}]++
			}
		}
	}
	for key, rows := range right {
		for _, r := range rows {
			if outerRight && len(left[key]) == 0 {
				all[couple{Right: r}]++
			}
		}
	}
	return all
}

func TestAJoinOfTablesFollowsBoth(t *testing.T) {
	type connected = aquifer.ConnectedStreams[int64, change, change]
	for name, c := range map[string]struct {
		join        func(c connected) table.Changelog[couple]
		left, right bool
	}{
		"inner": {func(c connected) table.Changelog[couple] { return table.Join(c, "join", coupled) }, false, false},
		"left":  {func(c connected) table.Changelog[couple] { return table.LeftJoin(c, "join", coupled) }, true, false},
		"right": {func(c connected) table.Changelog[couple] { return table.RightJoin(c, "join", coupled) }, false, true},
		"full":  {func(c connected) table.Changelog[couple] { return table.FullJoin(c, "join", coupled) }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			seeds(t, 4, func(t *testing.T, rng *rand.Rand) {
				left, right := drawTape(rng, rng.IntN(2) == 0), drawTape(rng, rng.IntN(2) == 0)
				got := lives(t, rng, func(s []keyed) table.Changelog[couple] {
					return c.join(aquifer.Connect(s[0], s[1]))
				}, left, right)
				same(t, tableOf(t, got), couples(itemsOf(t, left), itemsOf(t, right), c.left, c.right))
			})
		})
	}
}

// A table that is grouped by something else than its key has its changes in any order.
func TestChangesThatWereMadeByAnotherKeyAddUp(t *testing.T) {
	seeds(t, 3, func(t *testing.T, rng *rand.Rand) {
		in := drawTape(rng, true)
		got := lives(t, rng, func(s []keyed) table.Changelog[table.Grouped[int64, int64]] {
			byTag := aquifer.KeyBy(s[0].Stream, func(c *change) string { return c.Row.Tag })
			counts := table.AggregateChanges(byTag, "by-tag", aquifer.Count[item]())
			number := func(g *table.Grouped[string, int64]) int64 { return g.Value }
			return table.AggregateChanges(table.KeyBy(counts, number), "by-count", aquifer.Count[table.Grouped[string, int64]]())
		}, in)
		byTag := map[string]int64{}
		for row, n := range tableOf(t, in) {
			byTag[row.Tag] += n
		}
		tags := map[int64]int64{}
		for _, n := range byTag {
			tags[n]++
		}
		want := map[table.Grouped[int64, int64]]int64{}
		for count, n := range tags {
			want[table.Grouped[int64, int64]{Key: count, Value: n}]++
		}
		same(t, tableOf(t, got), want)
	})
}
