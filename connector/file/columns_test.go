package file

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// wide is a struct with a column of every type.
type wide struct {
	S      string
	B      bool
	I      int
	I8     int8
	I16    int16
	I32    int32
	I64    int64
	U      uint
	U8     uint8
	U16    uint16
	U32    uint32
	U64    uint64
	F32    float32
	F64    float64
	T      time.Time
	D      time.Duration
	Named  color
	Hidden string `csv:"-"`
	_      int
}

type color string

func columnsFor[T any](t testing.TB) columns[T] {
	t.Helper()
	c, err := columnsOf[T]()
	must(t, err)
	return c
}

func TestColumnsAreTheExportedFieldsOfBasicTypes(t *testing.T) {
	got := strings.Join(columnsFor[wide](t).names(), " ")
	if want := "S B I I8 I16 I32 I64 U U8 U16 U32 U64 F32 F64 T D Named"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
}

func TestATagNamesAColumn(t *testing.T) {
	type tagged struct {
		A int `csv:"alpha"`
		B int `json:"b"`
		C int `csv:"-"`
	}
	if got := strings.Join(columnsFor[tagged](t).names(), " "); got != "alpha B" {
		t.Errorf("%s", got)
	}
}

func TestTypesThatHaveNoTextCannotBeColumns(t *testing.T) {
	type withSlice struct{ Tags []string }
	type withPointer struct{ Next *int }
	type withStruct struct{ Inner struct{ X int } }
	type withComplex struct{ C complex128 }
	for _, c := range []struct {
		err   error
		field string
	}{
		{errorOf[withSlice](), "Tags"}, {errorOf[withPointer](), "Next"},
		{errorOf[withStruct](), "Inner"}, {errorOf[withComplex](), "C"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), "field "+c.field+" of ") {
			t.Errorf("%s: %v", c.field, c.err)
		}
	}
}

func errorOf[T any]() error { _, err := columnsOf[T](); return err }

func drawWide(t *rapid.T) wide {
	return wide{
		S: rapid.String().Draw(t, "s"), B: rapid.Bool().Draw(t, "b"), I: rapid.Int().Draw(t, "i"),
		I8: rapid.Int8().Draw(t, "i8"), I16: rapid.Int16().Draw(t, "i16"), I32: rapid.Int32().Draw(t, "i32"),
		I64: rapid.Int64().Draw(t, "i64"), U: rapid.Uint().Draw(t, "u"), U8: rapid.Uint8().Draw(t, "u8"),
		U16: rapid.Uint16().Draw(t, "u16"), U32: rapid.Uint32().Draw(t, "u32"), U64: rapid.Uint64().Draw(t, "u64"),
		F32: rapid.Float32().Draw(t, "f32"), F64: rapid.Float64().Draw(t, "f64"),
		T: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "t"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
		D: time.Duration(rapid.Int64().Draw(t, "d")), Named: color(rapid.StringMatching(`[a-z]*`).Draw(t, "color")),
	}
}

func TestWhatIsFormattedIsParsedTheSame(t *testing.T) {
	c := columnsFor[wide](t)
	fields, err := c.match(c.names())
	must(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		in := drawWide(rt)
		var out wide
		if err := c.parse(c.format(&in), fields, &out); err != nil {
			rt.Fatal(err)
		}
		if in != out && !(math.IsNaN(in.F64) || math.IsNaN(float64(in.F32))) {
			rt.Fatalf("%+v became %+v", in, out)
		}
	})
}

func TestALineOfCSVIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var want []string
		for range rapid.IntRange(1, 5).Draw(rt, "columns") {
			want = append(want, rapid.StringMatching(`[ a",;'\\.é\t]{0,6}`).Draw(rt, "value"))
		}
		line, err := appendCSV(nil, want)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := parseCSV(line[:len(line)-1])
		if err != nil || len(line) == 1 || strings.Join(got, "|") != strings.Join(want, "|") || len(got) != len(want) {
			rt.Fatalf("%q was written as %q and read as %q, %v", want, line, got, err)
		}
	})
}

func TestAColumnOfEmptyTextIsARecord(t *testing.T) {
	type note struct{ Text string }
	dir := t.TempDir()
	s := WriteCSV[note](dir)
	must(t, s.Recover(t.Context(), nil))
	w := openWriter(t, s, "1-1")
	writeRows(t, w, note{"a"}, note{""}, note{"b"})
	must(t, s.Commit(t.Context(), [][]byte{prepare(t, w)}))
	rows, bad := readAll(t, CSV[note](dir), 10, false)
	if len(rows) != 3 || rows[1].Text != "" || len(bad) > 0 {
		t.Errorf("%+v, bad %+v", rows, bad)
	}
}

func TestAHeaderMayHaveOtherColumnsInAnyOrderAndCase(t *testing.T) {
	c := columnsFor[row](t)
	fields, err := c.match([]string{"other", " N ", "NAME", "ratio"})
	must(t, err)
	var r row
	must(t, c.parse([]string{"?", "5", "x", "0.25"}, fields, &r))
	if r.Count != 5 || r.Name != "x" || r.Ratio != 0.25 {
		t.Errorf("%+v", r)
	}
	_, err = c.match([]string{"other", "left"})
	if err == nil || !strings.Contains(err.Error(), `["other" "left"]`) {
		t.Errorf("%v", err)
	}
}

func TestAValueThatDoesNotFitNamesItsColumnAndField(t *testing.T) {
	c := columnsFor[wide](t)
	for column, values := range map[string][]string{
		"I8": {"128", "x", "", "1.5", " 1"}, "U8": {"-1", "256"}, "U64": {"18446744073709551616"}, "B": {"yes", "2"},
		"F64": {"one", "1e999"}, "T": {"yesterday", "2015-05-17", "0"}, "I64": {"9223372036854775808"}, "D": {"1s"},
	} {
		fields, err := c.match([]string{"S", column})
		must(t, err)
		for _, v := range values {
			var w wide
			err := c.parse([]string{"x", v}, fields, &w)
			if err == nil || !strings.HasPrefix(err.Error(), "column 2, field "+column+": ") {
				t.Errorf("%s of %q: %v", column, v, err)
			}
		}
	}
}

func TestALineWithMoreOrLessColumnsThanTheHeaderIsBad(t *testing.T) {
	path := write(t, t.TempDir()+"/x.csv", "name,n\na\nb,1\nc,1,2\n")
	rows, bad := readAll(t, CSV[row](path), 10, false)
	if len(rows) != 1 || rows[0].Name != "b" || len(bad) != 2 {
		t.Fatalf("%+v, bad %+v", rows, bad)
	}
	for i, want := range []string{"1 columns, the header has 2", "3 columns, the header has 2"} {
		if bad[i].Reason != want {
			t.Errorf("%s, want %s", bad[i].Reason, want)
		}
	}
}

func TestAHeaderThatFitsNothingFailsWhenTheFileIsOpened(t *testing.T) {
	for _, text := range []string{"what,else\n1,2\n", "\"open\n"} {
		s := CSV[row](write(t, t.TempDir()+"/x.csv", text))
		_, err := s.Open(t.Context(), discover(t, s)[0])
		if err == nil || !strings.Contains(err.Error(), "x.csv: line 1, the header") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAFileOfCSVMayBeEmptyOrOnlyAHeader(t *testing.T) {
	for _, text := range []string{"", "name,n\n", "name,n", "\xef\xbb\xbfname,n\r\n\r\n"} {
		for _, name := range []string{"/x.csv", "/x.csv.gz", "/x.csv.zst"} {
			rows, bad := readAll(t, CSV[row](write(t, t.TempDir()+name, text)), 10, false)
			if len(rows)+len(bad) > 0 {
				t.Errorf("%q: %v, %v", text, rows, bad)
			}
		}
	}
}

func TestCSVCannotBeWrittenOfWhatHasNoColumns(t *testing.T) {
	type deep struct{ M map[string]int }
	for _, err := range []error{
		WriteCSV[deep](t.TempDir()).Recover(t.Context(), nil), WriteCSV[string](t.TempDir()).Recover(t.Context(), nil),
	} {
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "CSV") {
			t.Errorf("%v", err)
		}
	}
}

var _ flow.Source[wide] = CSV[wide]("x")
