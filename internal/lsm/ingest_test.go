package lsm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// write makes one table of changes: "k=v" sets, "-k" deletes, "k..l" deletes a range.
func write(t *testing.T, w *world, changes ...string) []TableInfo {
	t.Helper()
	set := NewTableSet(t.Context(), w.store, w.newTableName)
	for _, c := range changes {
		if start, end, ok := strings.Cut(c, ".."); ok {
			must(t, set.DeleteRange([]byte(start), []byte(end)))
		} else if k, v, ok := strings.Cut(c, "="); ok {
			must(t, set.Set([]byte(k), []byte(v)))
		} else {
			must(t, set.Delete([]byte(c[1:])))
		}
	}
	tables, err := set.Finish()
	must(t, err)
	return tables
}

func TestTheKeysOfATableIncludeItsRangesToDelete(t *testing.T) {
	for _, c := range []struct {
		changes []string
		want    string
	}{
		{[]string{"b=1"}, `["b","b\x00")`},
		{[]string{"-b", "c=1"}, `["b","c\x00")`},
		{[]string{"b..d"}, `["b","d")`},
		{[]string{"b..d", "f..g", "h..i"}, `["b","i")`},
		{[]string{"b..x", "c=1"}, `["b","x")`},
		{[]string{"m..x", "c=1", "y=2"}, `["c","y\x00")`},
		{[]string{"m..n", "n=2"}, `["m","n\x00")`},
		{[]string{"\x00=1"}, `["\x00","\x00\x00")`},
	} {
		got := write(t, newWorld(t, 1), c.changes...)
		if len(got) != 1 || got[0].Keys.String() != c.want || got[0].Entries != int64(len(c.changes)) {
			t.Errorf("%q: %+v, want keys %s", c.changes, got, c.want)
		}
	}
}

func TestAnAbortedSetLeavesNoObjectAndNoGoroutine(t *testing.T) {
	bubble.Test(t, func(t *testing.T) { // fails if a goroutine is left
		store := mem.New()
		set := NewTableSet(t.Context(), store, namer())
		for i := range 1000 {
			must(t, set.Set(fmt.Appendf(nil, "%04d", i), make([]byte, 1000)))
		}
		set.Abort()
		set.Abort()
		for o := range store.List(t.Context(), "") {
			t.Errorf("%v is there", o)
		}
	})
}

func TestAnEmptyKeyIsRefused(t *testing.T) {
	for _, change := range []func(*TableSet) error{
		func(s *TableSet) error { return s.Set(nil, nil) },
		func(s *TableSet) error { return s.Delete([]byte{}) },
		func(s *TableSet) error { return s.DeleteRange(nil, []byte("a")) },
	} {
		set := NewTableSet(t.Context(), mem.New(), namer())
		if err := change(set); base.KindOf(err) != base.Config {
			t.Error(err)
		}
		set.Abort()
	}
}

func TestLaterTablesHideEarlierOnes(t *testing.T) {
	for _, c := range []struct {
		epochs [][]string
		want   string
	}{
		{[][]string{{"b=1"}, {"b=2"}}, "map[b:2]"},
		{[][]string{{"b=1"}, {"-b"}}, "map[]"},
		{[][]string{{"-b"}, {"b=1"}}, "map[b:1]"},
		{[][]string{{"b=1", "c=1", "d=1"}, {"b..d"}}, "map[d:1]"},
		{[][]string{{"b=1", "c=1", "d=1"}, {"b..d", "c=2"}}, "map[c:2 d:1]"},
		{[][]string{{"b..d"}, {"c=1"}}, "map[c:1]"},
		{[][]string{{"c=1"}, {"b..d"}, {"c=2"}, {"b..c"}}, "map[c:2]"},
		{[][]string{{"c="}}, "map[c:]"},
	} {
		for _, apart := range []bool{true, false} {
			for _, compacted := range []bool{false, true} {
				w := newWorld(t, 1)
				s := w.open(all)
				var together []TableInfo
				for _, changes := range c.epochs {
					tables := write(t, w, changes...)
					together = append(together, tables...)
					if apart {
						must(t, s.Ingest(t.Context(), tables))
					}
				}
				if !apart {
					must(t, s.Ingest(t.Context(), together))
				}
				if compacted {
					compact(t, s)
				}
				if got := fmt.Sprint(content(t, s)); got != c.want {
					t.Errorf("%q (apart %v, compacted %v): %s, want %s", c.epochs, apart, compacted, got, c.want)
				}
			}
		}
	}
}

func TestAShardTakesItsPartOfATableOnly(t *testing.T) {
	w := newWorld(t, 1)
	shards := []*Shard{w.open(span("a", "g")), w.open(span("g", "p")), w.open(span("p", "z"))}
	ingest := func(changes ...string) {
		tables := write(t, w, changes...)
		for _, s := range shards {
			must(t, s.Ingest(t.Context(), tables))
		}
	}
	ingest("b=1", "f=1", "g=1", "o=1", "p=1", "y=1")
	ingest("f..q", "x=2")
	for i, want := range []string{"map[b:1]", "map[]", "map[x:2 y:1]"} {
		if got := fmt.Sprint(content(t, shards[i])); got != want {
			t.Errorf("shard %d: %s, want %s", i, got, want)
		}
	}
	must(t, shards[1].Ingest(t.Context(), write(t, w, "b=9", "c=9"))) // has nothing for it
	l, err := shards[1].Export(t.Context())
	must(t, err)
	if len(l.Objects) != 2 || fmt.Sprint(content(t, shards[1])) != "map[]" {
		t.Errorf("%v, %v", l.Objects, content(t, shards[1]))
	}
}

func TestTablesOfOneEpochThatDoNotOverlapAreOneLayer(t *testing.T) {
	w := idle(t, 1)
	s := w.shards[0]
	for n := range int64(3) {
		var epoch []TableInfo
		for _, k := range []string{"b", "h", "p"} {
			epoch = append(epoch, write(t, w, k+"1=1", k+"5=1")...)
		}
		must(t, s.Ingest(t.Context(), epoch))
		if m := s.Metrics(); m.Tables != 3*(n+1) || n > 0 && m.L0Sublevels != n {
			t.Errorf("after epoch %d: %v", n, m)
		}
	}
}

func TestIngestingTheSameTablesAgainChangesNothing(t *testing.T) {
	w := newWorld(t, 2)
	w.shards = []*Shard{w.open(all)}
	for range 5 {
		tables := append(w.epoch(), w.epoch()...)
		w.ingest(tables[:len(tables)/2])
		w.ingest(tables)
		w.ingest(tables)
		w.check("after repetition")
	}
}

func TestTablesAreGroupedAsLongAsTheyAscend(t *testing.T) {
	at := func(start, end string) TableInfo { return TableInfo{Keys: span(start, end)} }
	for _, c := range []struct {
		tables []TableInfo
		want   string
	}{
		{nil, "[]"},
		{[]TableInfo{at("a", "b")}, "[1]"},
		{[]TableInfo{at("a", "b"), at("b", "c"), at("d", "e")}, "[3]"},
		{[]TableInfo{at("a", "c"), at("b", "d"), at("d", "e")}, "[1 2]"},
		{[]TableInfo{at("d", "e"), at("a", "b"), at("a", "b")}, "[1 1 1]"},
	} {
		sizes := []int{}
		for _, g := range disjoint(c.tables) {
			sizes = append(sizes, len(g))
		}
		if got := fmt.Sprint(sizes); got != c.want {
			t.Errorf("%v: groups of %s, want %s", c.tables, got, c.want)
		}
	}
}

// A state of several objects a level, read in all ways, before and after it is handed on.
func TestALargerStateIsReadBackWhole(t *testing.T) {
	store, rng, model := mem.New(), rand.New(rand.NewPCG(3, 3)), map[string]string{}
	res := resources(t, store)
	res.tune = deep
	s, err := OpenShard(t.Context(), res, "p/1", all)
	must(t, err)
	names := 0
	for range 4 {
		for range 500 {
			model[fmt.Sprintf("b%05d", rng.IntN(2_000))] = fmt.Sprint(rng.Uint64())
		}
		set := NewTableSet(t.Context(), store, func() string { names++; return fmt.Sprint("tables/", names) })
		for _, k := range slices.Sorted(maps.Keys(model)) {
			must(t, set.Set([]byte(k), []byte(model[k])))
		}
		tables, err := set.Finish()
		must(t, err)
		must(t, s.Ingest(t.Context(), tables))
	}
	for round := range 2 {
		if got := content(t, s); !maps.Equal(got, model) {
			t.Fatalf("round %d: scan has %d entries, want %d", round, len(got), len(model))
		}
		keys, found := [][]byte{}, map[string]string{}
		for i := range 2_000 {
			keys = append(keys, fmt.Appendf(nil, "b%05d", i))
		}
		must(t, s.Read(t.Context(), keys, func(i int, v []byte) error {
			found[string(keys[i])] = string(v)
			return nil
		}))
		if !maps.Equal(found, model) {
			t.Fatalf("round %d: read has %d entries, want %d", round, len(found), len(model))
		}
		l, err := s.Export(t.Context())
		must(t, err)
		must(t, s.Close())
		s, err = OpenShard(t.Context(), res, fmt.Sprint("p/again/", round), all, l)
		must(t, err)
	}
	must(t, s.Close())
}
