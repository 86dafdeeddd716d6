package table_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/table"
)

// rowsOf drops the kinds of changes, of which there must be inserts only.
func rowsOf(in keyed) aquifer.KeyedStream[int64, item] {
	return aquifer.KeyBy(aquifer.Map(in.Stream, func(c *change) item { return c.Row }), itemKey)
}

func itemN(i *item) int64 { return i.N }

func TestAnAggregateIsThatOfTheRowsThatAreThere(t *testing.T) {
	seeds(t, 6, func(t *testing.T, rng *rand.Rand) {
		in := drawTape(rng, rng.IntN(2) == 0)
		got := lives(t, rng, func(s []keyed) table.Changelog[table.Grouped[int64, int64]] {
			return table.AggregateChanges(s[0], "sums", aquifer.Sum(itemN))
		}, in)
		want := map[table.Grouped[int64, int64]]int64{}
		for key, items := range itemsOf(t, in) {
			sum := int64(0)
			for _, i := range items {
				sum += i.N
			}
			want[table.Grouped[int64, int64]{Key: key, Value: sum}]++
		}
		same(t, tableOf(t, got), want)
	})
}

func TestAnAggregateOfAStreamIsThatOfAllItsRows(t *testing.T) {
	seeds(t, 3, func(t *testing.T, rng *rand.Rand) {
		in := drawRows(rng)
		got := lives(t, rng, func(s []keyed) table.Changelog[table.Grouped[int64, int64]] {
			return table.Aggregate(rowsOf(s[0]), "most", aquifer.Max(itemN))
		}, in)
		want := map[table.Grouped[int64, int64]]int64{}
		for key, items := range itemsOf(t, in) {
			most := slices.MaxFunc(items, func(a, b item) int { return cmp.Compare(a.N, b.N) })
			want[table.Grouped[int64, int64]{Key: key, Value: most.N}]++
		}
		same(t, tableOf(t, got), want)
	})
}

func TestTheFirstAndTheLastRowOfAKeyGoByEventTime(t *testing.T) {
	type keep func(aquifer.KeyedStream[int64, item], string, ...table.Option) table.Changelog[item]
	for name, c := range map[string]struct {
		keep   keep
		better func(had, now item) bool
	}{
		"first": {table.KeepFirst[int64, item], func(had, now item) bool { return now.N < had.N }},
		"last":  {table.KeepLast[int64, item], func(had, now item) bool { return now.N >= had.N }},
	} {
		t.Run(name, func(t *testing.T) {
			seeds(t, 3, func(t *testing.T, rng *rand.Rand) {
				in := drawRows(rng)
				got := lives(t, rng, func(s []keyed) table.Changelog[item] { return c.keep(rowsOf(s[0]), name) }, in)
				best := map[int64]item{}
				for _, row := range in {
					if had, ok := best[row.Row.Key]; !ok || c.better(had, row.Row) {
						best[row.Row.Key] = row.Row
					}
				}
				want := map[item]int64{}
				for _, row := range best {
					want[row]++
				}
				same(t, tableOf(t, got), want)
			})
		})
	}
}

func TestDuplicatesAreDroppedAndNothingIsTakenBack(t *testing.T) {
	seeds(t, 3, func(t *testing.T, rng *rand.Rand) {
		in := drawRows(rng)
		got := lives(t, rng, func(s []keyed) aquifer.Stream[item] { return table.Deduplicate(rowsOf(s[0]), "first") }, in)
		first := map[int64]item{}
		for _, c := range slices.Backward(in) {
			first[c.Row.Key] = c.Row
		}
		want := map[item]int64{}
		for _, row := range first {
			want[row]++
		}
		same(t, added(got...), want)
	})
}

func TestAKeyIsNewAgainAfterItsTimeToLive(t *testing.T) {
	for ttl, want := range map[time.Duration]int{time.Hour: 1, 5 * time.Millisecond: 2} {
		bubble.Test(t, func(t *testing.T) {
			in := tape{{Row: item{Key: 1}}}
			for range 100 {
				in = append(in, change{Row: item{Key: 2}})
			}
			in = append(in, change{Row: item{Key: 1}})
			sink, job := newPaper[item](), aquifer.NewJob("forgets")
			all := table.KeyBy(aquifer.From(job, "in", in), itemKey)
			aquifer.To(table.Deduplicate(rowsOf(all), "first", table.TTL(ttl)), "out", sink)
			_, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 1, CheckpointInterval: -1})
			must(t, err)
			n := 0
			for _, row := range sink.rows() {
				if row.Key == 1 {
					n++
				}
			}
			if n != want {
				t.Errorf("kept for %v: the key came %d times, want %d", ttl, n, want)
			}
		})
	}
}

func TestDistinctValuesAreCountedAsLongAsOneRowHasThem(t *testing.T) {
	for name, draw := range map[string]func(*rand.Rand) tape{
		"stream": drawRows, "table": func(rng *rand.Rand) tape { return drawTape(rng, rng.IntN(2) == 0) },
	} {
		t.Run(name, func(t *testing.T) {
			seeds(t, 3, func(t *testing.T, rng *rand.Rand) {
				in := draw(rng)
				got := lives(t, rng, func(s []keyed) table.Changelog[table.Grouped[int64, int64]] {
					if name == "stream" {
						return table.CountDistinct(rowsOf(s[0]), "values", itemN)
					}
					return table.CountDistinctChanges(s[0], "values", itemN)
				}, in)
				want := map[table.Grouped[int64, int64]]int64{}
				for key, items := range itemsOf(t, in) {
					values := map[int64]bool{}
					for _, i := range items {
						values[i.N] = true
					}
					want[table.Grouped[int64, int64]{Key: key, Value: int64(len(values))}]++
				}
				same(t, tableOf(t, got), want)
			})
		})
	}
}

func TestUpsertsEndWithTheRowThatIsThere(t *testing.T) {
	seeds(t, 6, func(t *testing.T, rng *rand.Rand) {
		in := drawUpserts(rng)
		got := lives(t, rng, func(s []keyed) table.Changelog[item] { return table.Upserts(s[0], "upserts") }, in)
		overwritten := map[int64]item{}
		for _, c := range got {
			switch c.Kind {
			case aquifer.Delete:
				delete(overwritten, c.Row.Key)
			case aquifer.UpdateBefore:
				t.Errorf("%v", c)
			default:
				overwritten[c.Row.Key] = c.Row
			}
		}
		want := map[int64]item{}
		for key, items := range itemsOf(t, in) {
			want[key] = items[0]
		}
		if fmt.Sprint(overwritten) != fmt.Sprint(want) {
			t.Errorf("got %v\nwant %v", overwritten, want)
		}
	})
}

// drawUpserts draws the changes of a table whose keys have one row each; those that belong together come in any order.
func drawUpserts(rng *rand.Rand) (t tape) {
	now := map[int64]item{}
	for i := range int64(20 + rng.IntN(100)) {
		key := rng.Int64N(5)
		had, ok := now[key]
		next := item{key, i, fmt.Sprint(i)}
		switch {
		case !ok:
			t, now[key] = append(t, change{Row: next}), next
		case rng.IntN(3) == 0:
			t = append(t, change{Kind: aquifer.Delete, Row: had})
			delete(now, key)
		case rng.IntN(2) == 0:
			t, now[key] = append(t, change{Kind: aquifer.UpdateAfter, Row: next}, change{Kind: aquifer.UpdateBefore, Row: had}), next
		default:
			t, now[key] = append(t, change{Kind: aquifer.UpdateBefore, Row: had}, change{Kind: aquifer.UpdateAfter, Row: next}), next
		}
	}
	return t
}

func TestRowsAreMappedAndFilteredWithTheirKinds(t *testing.T) {
	seeds(t, 1, func(t *testing.T, rng *rand.Rand) {
		in := drawTape(rng, false)
		got := lives(t, rng, func(s []keyed) table.Changelog[int64] {
			even := table.Filter(s[0].Stream, func(i *item) bool { return i.N%2 == 0 })
			return table.Map(even, func(i *item) int64 { return i.Key*100 + i.N })
		}, in)
		want := map[int64]int64{}
		for row, n := range tableOf(t, in) {
			if row.N%2 == 0 {
				want[row.Key*100+row.N] += n
			}
		}
		same(t, tableOf(t, got), want)
	})
}

func TestAStreamIsATableThatOnlyGrows(t *testing.T) {
	seeds(t, 1, func(t *testing.T, rng *rand.Rand) {
		in := drawRows(rng)
		got := lives(t, rng, func(s []keyed) table.Changelog[item] { return table.Of(rowsOf(s[0]).Stream) }, in)
		same(t, tableOf(t, got), tableOf(t, in))
	})
}

func TestAnUpdateIsOneChangeForEachBatch(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var in tape
		for i := range int64(1000) {
			in = append(in, change{Row: item{Key: i % 3, N: 1}})
		}
		sink, job := newPaper[aquifer.Change[table.Grouped[int64, int64]]](), aquifer.NewJob("folded")
		all := table.KeyBy(aquifer.From(job, "in", in), itemKey)
		aquifer.To(table.Aggregate(rowsOf(all), "sums", aquifer.Sum(itemN)), "out", sink)
		_, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 1, CheckpointInterval: -1, FlushAfter: time.Hour})
		must(t, err)
		got := sink.rows()
		want := added(table.Grouped[int64, int64]{Key: 0, Value: 334}, table.Grouped[int64, int64]{Key: 1, Value: 333},
			table.Grouped[int64, int64]{Key: 2, Value: 333})
		same(t, tableOf(t, got), want)
		if len(got) > 30 {
			t.Errorf("%d changes of three keys in few batches", len(got))
		}
	})
}

func TestMistakesAreFoundBeforeTheJobRuns(t *testing.T) {
	for message, build := range map[string]func(in keyed){
		"has no function Remove": func(in keyed) {
			aquifer.To(table.AggregateChanges(in, "x", aquifer.Max(itemN)), "out", newPaper[aquifer.Change[table.Grouped[int64, int64]]]())
		},
		"needs functions Add and Result": func(in keyed) {
			sums := table.Aggregate(rowsOf(in), "x", aquifer.Aggregator[item, int64, int64]{})
			aquifer.To(sums, "out", newPaper[aquifer.Change[table.Grouped[int64, int64]]]())
		},
		"there must be at least one": func(in keyed) {
			top := table.Top(rowsOf(in), "x", 0, byN)
			aquifer.To(top, "out", newPaper[change]())
		},
	} {
		job := aquifer.NewJob("mistaken")
		build(table.KeyBy(aquifer.From(job, "in", tape{}), itemKey))
		_, err := job.Run(t.Context(), aquifer.RunOptions{})
		if err == nil || !strings.Contains(err.Error(), message) || !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("%v, want %q", err, message)
		}
	}
}
