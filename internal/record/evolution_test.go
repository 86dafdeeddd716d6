package record

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func decoderFor[V any](t testing.TB, writerSchema string) func([]byte, *V) error {
	t.Helper()
	decode, err := valueCodec[V](t).DecoderFor(writerSchema)
	if err != nil {
		t.Fatal(err)
	}
	return decode
}

func TestFieldsMayBeAddedRemovedAndReordered(t *testing.T) {
	type oldRow struct {
		ID    int64
		Gone  string
		Parts []struct {
			Gone uint16
			Name string
		}
		Last bool
	}
	type newRow struct {
		Last  bool
		Added *int64
		Parts []struct {
			Name  string
			Added map[string]int64
		}
		ID int64
	}
	old := oldRow{ID: 7, Gone: "gone", Last: true}
	old.Parts = append(old.Parts, struct {
		Gone uint16
		Name string
	}{300, "part"})
	writer := valueCodec[oldRow](t)

	got := newRow{Added: new(int64)}
	if err := decoderFor[newRow](t, writer.Schema())(writer.Append(nil, &old), &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != 7 || !got.Last || got.Added != nil || len(got.Parts) != 1 || got.Parts[0].Name != "part" ||
		got.Parts[0].Added != nil {
		t.Errorf("decoded as %+v", got)
	}
}

func TestRemovedFieldsOfEveryKindAreSkipped(t *testing.T) {
	type oldRow struct {
		Before int64
		Gone   everyValue
		Own    money
		After  string
	}
	type newRow struct {
		After  string
		Before int64
	}
	writer := valueCodec[oldRow](t)
	decode := decoderFor[newRow](t, writer.Schema())
	rapid.Check(t, func(t *rapid.T) {
		old := oldRow{Before: 1, Gone: drawn[everyValue](t), After: "after"}
		src := writer.Append(nil, &old)
		var got newRow
		if err := decode(src, &got); err != nil || got != (newRow{"after", 1}) {
			t.Fatalf("decoded as %+v, error %v", got, err)
		}
		if err := decode(damage(t, src), &got); err != nil && base.KindOf(err) != base.Corrupt {
			t.Fatalf("damaged: error %v is not of kind Corrupt", err)
		}
	})
}

func TestFieldsOfEveryKindAreReadBehindASkippedOne(t *testing.T) {
	type oldRow struct {
		Gone map[string][2]*int16
		Kept everyValue
	}
	type newRow struct{ Kept everyValue }
	writer := valueCodec[oldRow](t)
	decode := decoderFor[newRow](t, writer.Schema())
	rapid.Check(t, func(t *rapid.T) {
		old := drawn[oldRow](t)
		var got newRow
		if err := decode(writer.Append(nil, &old), &got); err != nil || !reflect.DeepEqual(got.Kept, old.Kept) {
			t.Fatalf("%+v is decoded as %+v, error %v", old.Kept, got.Kept, err)
		}
	})
}

func TestAFieldThatIsLeftOutNowIsSkipped(t *testing.T) {
	type oldRow struct{ A, B int64 }
	type newRow struct {
		A int64 `aquifer:"-"`
		B int64
	}
	writer := valueCodec[oldRow](t)
	var got newRow
	if err := decoderFor[newRow](t, writer.Schema())(writer.Append(nil, &oldRow{1, 2}), &got); err != nil {
		t.Fatal(err)
	}
	if got != (newRow{0, 2}) {
		t.Errorf("decoded as %+v", got)
	}
}

func TestAFieldMayBeNamedLikeOneOfAnEmbeddedStruct(t *testing.T) {
	type Base struct{ ID int64 }
	type oldRow struct {
		ID int64
		Base
	}
	type newRow struct {
		Base
		ID int64
	}
	writer := valueCodec[oldRow](t)
	var got newRow
	err := decoderFor[newRow](t, writer.Schema())(writer.Append(nil, &oldRow{1, Base{2}}), &got)
	if err != nil || got.ID != 1 || got.Base.ID != 2 {
		t.Errorf("decoded as %+v, error %v", got, err)
	}
}

func TestTheSameSchemaIsCompatibleWithItself(t *testing.T) {
	c := valueCodec[everyValue](t)
	if !json.Valid([]byte(c.Schema())) {
		t.Errorf("schema %s is not JSON", c.Schema())
	}
	if again := valueCodec[everyValue](t).Schema(); again != c.Schema() {
		t.Errorf("schema %s of one codec, %s of another", c.Schema(), again)
	}
	v := everyValue{Text: "text"}
	var got everyValue
	if err := decoderFor[everyValue](t, c.Schema())(c.Append(nil, &v), &got); err != nil || got.Text != "text" {
		t.Errorf("decoded as %+v, error %v", got, err)
	}
}

func TestSchemasAreFrozen(t *testing.T) {
	type row struct {
		At   time.Time
		Sets map[string][]*[2]float32
		Raw  []byte
	}
	const want = `{"kind":"struct","fields":[{"name":"At","type":{"kind":"time"}},` +
		`{"name":"Sets","type":{"kind":"map","key":{"kind":"string"},"elem":{"kind":"slice","elem":` +
		`{"kind":"pointer","elem":{"kind":"array","len":2,"elem":{"kind":"float32"}}}}}},` +
		`{"name":"Raw","type":{"kind":"bytes"}}]}`
	if got := valueCodec[row](t).Schema(); got != want {
		t.Errorf("schema\n%s, want\n%s", got, want)
	}
}

func TestOtherChangesAreRefusedByField(t *testing.T) {
	type row[T any] struct{ Rows []struct{ Price T } }
	checkChange[row[int64], row[string]](t, "field Rows[].Price was written as int64 and is string now")
	checkChange[row[int32], row[int64]](t, "was written as int32 and is int64 now")
	checkChange[row[*int64], row[int64]](t, "was written as pointer and is int64 now")
	checkChange[row[[2]bool], row[[3]bool]](t, "was written as array of 2 and is array of 3 now")
	checkChange[row[[]int8], row[[]uint8]](t, "was written as slice and is bytes now")
	checkChange[row[money], row[label]](t, `was written as codec "money/1" and is codec "label/1" now`)
	checkChange[row[int64], row[struct{ N int64 }]](t, "was written as int64 and is struct now")
	checkChange[row[map[string]int8], row[map[string]bool]](t, "Price[] was written as int8 and is bool now")
	checkChange[row[map[pairKey]bool], row[map[threeWords]bool]](t, "the key of a map cannot change")
	checkChange[int64, uint64](t, "the type itself was written as int64 and is uint64 now")
}

func checkChange[Old, New any](t *testing.T, says string) {
	t.Helper()
	_, err := valueCodec[New](t).DecoderFor(valueCodec[Old](t).Schema())
	checkRefused(t, err, []string{says, "value type " + reflect.TypeFor[New]().String()})
}

func TestDamagedSchemasAreRefused(t *testing.T) {
	c := valueCodec[struct{ A int64 }](t)
	for schema, says := range map[string]string{
		``:                     "JSON",
		`{"kind":"struct"} x`:  "invalid character",
		`null`:                 `was written as `,
		`{"kind":"map"}`:       "was written as map",
		removed(`null`):        "field B has no kind",
		removed(`{}`):          `field B has kind ""`,
		removed(`{"kind":""}`): `field B has kind ""`,
		removed(`{"kind":"slice","elem":{"kind":"int256"}}`):                       `field B[] has kind "int256"`,
		removed(`{"kind":"slice"}`):                                                "field B[] has no kind",
		removed(`{"kind":"array"}`):                                                "field B[] has no kind",
		removed(`{"kind":"array","len":-1,"elem":{"kind":"int8"}}`):                "-1 elements",
		removed(`{"kind":"map","elem":{"kind":"bool"}}`):                           "field B[key] has no kind",
		removed(`{"kind":"slice","elem":{"kind":"struct"}}`):                       "without content",
		removed(`{"kind":"struct","fields":[{"name":"C","type":{"kind":"any"}}]}`): `field B.C has kind "any"`,
	} {
		_, err := c.DecoderFor(schema)
		if err == nil || !strings.Contains(err.Error(), says) || base.KindOf(err) == base.Failed {
			t.Errorf("schema %s: error %v, want one that says %q", schema, err, says)
		}
	}
}

// removed is the schema of a struct whose field B exists no more.
func removed(schema string) string {
	return `{"kind":"struct","fields":[{"name":"A","type":{"kind":"int64"}},{"name":"B","type":` + schema + `}]}`
}

func TestHugeArraysInSchemasCostNothing(t *testing.T) {
	const array = `{"kind":"array","len":4611686018427387904,"elem":`
	for _, schema := range []string{
		array + `{"kind":"struct"}}`,
		array + array + array + `{"kind":"int64"}}}}`,
		array + `{"kind":"uint8"}}`,
	} {
		decode := decoderFor[struct{ A int64 }](t, removed(schema))
		var v struct{ A int64 }
		if err := decode([]byte{1, 1, 1}, &v); err == nil {
			t.Errorf("%s: three bytes are enough", schema)
		}
	}
}

func FuzzDecoderFor(f *testing.F) {
	f.Add(valueCodec[everyValue](f).Schema(), []byte{1, 2, 3})
	f.Add(removed(`{"kind":"map","key":{"kind":"string"},"elem":{"kind":"time"}}`), []byte{1, 5, 1, 1, 1})
	c := valueCodec[struct{ A int64 }](f)
	f.Fuzz(func(t *testing.T, schema string, src []byte) {
		if decode, err := c.DecoderFor(schema); err == nil {
			var v struct{ A int64 }
			if err := decode(src, &v); err != nil && base.KindOf(err) != base.Corrupt {
				t.Fatalf("error %v is not of kind Corrupt", err)
			}
		}
	})
}
