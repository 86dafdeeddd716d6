package lsm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func span(start, end string) Range { return Range{[]byte(start), []byte(end)} }

func TestRangesAreClipped(t *testing.T) {
	for _, c := range []struct {
		a, b, want Range
		ok         bool
	}{
		{span("a", "m"), span("g", "z"), span("g", "m"), true},
		{span("g", "z"), span("a", "m"), span("g", "m"), true},
		{span("a", "z"), span("g", "m"), span("g", "m"), true},
		{span("g", "m"), span("a", "z"), span("g", "m"), true},
		{span("g", "m"), span("g", "m"), span("g", "m"), true},
		{span("a", "g"), span("g", "m"), Range{}, false},
		{span("g", "m"), span("a", "g"), Range{}, false},
		{span("a", "b"), span("x", "y"), Range{}, false},
	} {
		got, ok := c.a.clip(c.b)
		if ok != c.ok || ok && got.String() != c.want.String() {
			t.Errorf("%s clipped to %s is %s, %v; want %s, %v", c.a, c.b, got, ok, c.want, c.ok)
		}
	}
}

// set is the bound of a key that is in the table, sentinel one that is not.
func setBound(key string) bound { return bound{[]byte(key), 7<<8 | 1} }
func sentinel(key string) bound { return bound{[]byte(key), endTrailer} }

func describeTable(t table) string {
	end := "]"
	if t.Largest.Trailer == endTrailer {
		end = ")"
	}
	return fmt.Sprintf("[%s,%s%s %d %v", t.Smallest.Key, t.Largest.Key, end, t.Size, t.Virtual)
}

func TestTablesAreClipped(t *testing.T) {
	inclusive := table{Smallest: setBound("d"), Largest: setBound("m"), MaxSeq: 7, Size: 100}
	exclusive := table{Smallest: setBound("d"), Largest: sentinel("m"), MaxSeq: 7, Size: 100}
	for _, c := range []struct {
		table table
		r     Range
		want  string // "" if nothing is left
	}{
		{inclusive, span("a", "z"), "[d,m] 100 false"},
		{inclusive, span("d", "n"), "[d,m] 100 false"},
		{inclusive, span("d", "m"), "[d,m) 50 true"}, // m itself is not in the range
		{inclusive, span("e", "z"), "[e,m] 50 true"},
		{inclusive, span("a", "e"), "[d,e) 50 true"},
		{inclusive, span("e", "f"), "[e,f) 25 true"},
		{inclusive, span("m", "z"), "[m,m] 50 true"},
		{inclusive, span("n", "z"), ""},
		{inclusive, span("a", "d"), ""},
		{exclusive, span("d", "m"), "[d,m) 100 false"},
		{exclusive, span("m", "z"), ""},
		{exclusive, span("a", "c"), ""},
		{exclusive, span("e", "z"), "[e,m) 50 true"},
		{exclusive, span("a", "f"), "[d,f) 50 true"},
	} {
		got, ok := c.table.clip(c.r)
		text := ""
		if ok {
			text = describeTable(got)
		}
		if text != c.want {
			t.Errorf("%s clipped to %s is %q, want %q", describeTable(c.table), c.r, text, c.want)
		}
	}
}

func TestAClippedStartPrecedesEveryVersionOfItsKey(t *testing.T) {
	got, _ := table{Smallest: setBound("a"), Largest: setBound("z"), MinSeq: 3, MaxSeq: 9}.clip(span("d", "zz"))
	if seq, kind := got.Smallest.Trailer>>8, got.Smallest.Trailer&0xff; seq != 9 || kind != kindDeleteSized {
		t.Errorf("sequence number %d, kind %d", seq, kind)
	}
}

// listOf returns a list of tables, one object each.
func listOf(t *testing.T, r Range, tables ...table) List {
	t.Helper()
	l := List{Range: r}
	for i := range tables {
		tables[i].Object = i
		tables[i].Size = max(tables[i].Size, 1)
		l.Objects = append(l.Objects, Object{Name: fmt.Sprintf("%s/%d", r.Start, i), Bytes: 1000})
	}
	var err error
	l.Meta, err = encodeMeta(tables)
	must(t, err)
	return l
}

func TestMetadataComesBackAsItWas(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var tables []table
	for range 200 {
		seq := rng.Uint64N(1 << 40)
		tables = append(tables, table{
			Level:    rng.IntN(levels),
			Smallest: bound{[]byte{0, byte(rng.Uint32())}, seq<<8 | kindDeleteSized},
			Largest:  bound{[]byte{1, byte(rng.Uint32())}, endTrailer},
			MinSeq:   seq, MaxSeq: seq + rng.Uint64N(9), Size: 1 + rng.Uint64(), Virtual: rng.IntN(2) == 0,
		})
	}
	l := listOf(t, all, tables...)
	got, err := decodeMeta(l)
	must(t, err)
	if fmt.Sprint(got) != fmt.Sprint(tables) {
		t.Errorf("%v, want %v", got, tables)
	}
	if perTable := len(l.Meta) / len(tables); perTable > 120 {
		t.Errorf("%d bytes a table", perTable)
	}
}

func TestListsAreCombinedInAnyOrderWithTheirLevelsAndNumbers(t *testing.T) {
	tableAt := func(level int, seq uint64, start, end string) table {
		smallest := bound{[]byte(start), seq<<8 | 1}
		return table{Level: level, MinSeq: seq, MaxSeq: seq, Smallest: smallest, Largest: sentinel(end)}
	}
	a := listOf(t, span("a", "g"), tableAt(0, 30, "a", "g"), tableAt(6, 0, "b", "g"))
	b := listOf(t, span("g", "z"), tableAt(0, 20, "g", "z"), tableAt(5, 3, "h", "k"), tableAt(6, 0, "g", "p"))
	for _, from := range [][]List{{a, b}, {b, a}} {
		s, err := combine(span("c", "m"), from)
		must(t, err)
		var got []string
		for _, table := range s.tables {
			got = append(got, fmt.Sprintf("L%d #%d %s %s", table.Level, table.MaxSeq, s.objects[table.Object].Name,
				describeTable(table)))
		}
		slices.Sort(got)
		want := []string{
			"L0 #20 g/0 [g,m) 1 true", "L0 #30 a/0 [c,g) 1 true",
			"L5 #3 g/1 [h,k) 1 false", "L6 #0 a/1 [c,g) 1 true", "L6 #0 g/2 [g,m) 1 true",
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPartsOfOneObjectShareIt(t *testing.T) {
	whole := table{Level: 6, Smallest: setBound("b"), Largest: sentinel("y"), MaxSeq: 7, MinSeq: 7, Size: 8}
	l := listOf(t, all, whole)
	left, right := l, l
	left.Range, right.Range = span("a", "m"), span("m", "z")
	s, err := combine(all, []List{left, right})
	must(t, err)
	if len(s.objects) != 1 || len(s.tables) != 2 || !s.tables[0].Virtual || !s.tables[1].Virtual {
		t.Errorf("%+v", s)
	}
}

func TestTablesThatOverlapBelowTheFirstLevelAreCorruption(t *testing.T) {
	for level := range levels {
		l := listOf(t, all,
			table{Level: level, Smallest: setBound("b"), Largest: setBound("m"), MinSeq: 7, MaxSeq: 7},
			table{Level: level, Smallest: setBound("m"), Largest: setBound("p"), MinSeq: 7, MaxSeq: 7})
		_, err := combine(all, []List{l})
		if level == 0 && err != nil || level > 0 && base.KindOf(err) != base.Corrupt {
			t.Errorf("level %d: %v", level, err)
		}
	}
}

func TestListsMustCoverTheRangeWithoutGapAndOverlap(t *testing.T) {
	for _, c := range []struct {
		ranges []Range
		ok     bool
	}{
		{[]Range{span("a", "z")}, true},
		{[]Range{span("A", "zz")}, true},
		{[]Range{span("m", "z"), span("a", "m")}, true},
		{[]Range{span("a", "m"), span("n", "z")}, false},
		{[]Range{span("a", "m"), span("l", "z")}, false},
		{[]Range{span("b", "z")}, false},
		{[]Range{span("a", "y")}, false},
		{[]Range{span("a", "z"), span("a", "z")}, false},
	} {
		var from []List
		for _, r := range c.ranges {
			from = append(from, listOf(t, r))
		}
		_, err := combine(all, from)
		if c.ok && err != nil || !c.ok && base.KindOf(err) != base.Config {
			t.Errorf("%s: %v", c.ranges, err)
		}
	}
}

// Pebble reads back from our files what we meant: levels, bounds, numbers, sizes and objects.
func TestPebbleUnderstandsTheFilesThatAreWrittenForIt(t *testing.T) {
	w := newWorld(t, 31)
	w.res.tune = deep
	w.shards = []*Shard{w.open(all)}
	for range 30 {
		w.ingest(w.epoch())
	}
	w.res.tune = quiet
	w.restore(w.save(), 1) // from here on nothing compacts
	for range 3 {
		before := w.export()[0]
		w.restore(w.save(), 1)
		after := w.export()[0]
		if got, want := outline(t, after), outline(t, before); got != want {
			t.Errorf("opened:\n%s\nwant:\n%s", got, want)
		}
	}
	if text := outline(t, w.export()[0]); !strings.Contains(text, "L6") || !strings.Contains(text, "true") {
		t.Errorf("nothing to compare:\n%s", text)
	}
}

// outline shows a list without the order of its tables, which Pebble chooses within L0.
func outline(t *testing.T, l List) string {
	t.Helper()
	tables, err := decodeMeta(l)
	must(t, err)
	var lines []string
	for _, x := range tables {
		o := l.Objects[x.Object]
		lines = append(lines, fmt.Sprintf("L%d %s #%d-%d %v", x.Level, describeTable(x), x.MinSeq, x.MaxSeq, o))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestAnEmptyStateIsADatabaseWithoutTables(t *testing.T) {
	fs := vfs.NewMem()
	must(t, writeFiles(fs, state{}))
	d, err := pebble.Peek(directory, fs)
	must(t, err)
	if !d.Exists || d.FormatMajorVersion != formatMajor || d.ManifestFilename != directory+"/"+manifestFile {
		t.Errorf("%+v", d)
	}
}
