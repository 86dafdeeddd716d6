package record

import (
	"bytes"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// The bound is what numbers of elements in damaged bytes are held against before memory is allocated.
func TestNoEncodingIsShorterThanTheBoundOfItsProgram(t *testing.T) {
	checkBound[everyValue](t, 0)
	checkBound[int64](t, 1)
	checkBound[float32](t, 4)
	checkBound[struct{}](t, 0)
	checkBound[[3]time.Time](t, 9)
	checkBound[[5]byte](t, 5)
	checkBound[map[string]float64](t, 1)
	checkBound[struct {
		A []float64
		B *[9]float64
		C float64
	}](t, 10)
}

func checkBound[V any](t *testing.T, want int) {
	c := valueCodec[V](t)
	if want > 0 && c.program.min != want {
		t.Errorf("%v takes at least %d bytes, want %d", reflect.TypeFor[V](), c.program.min, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := drawn[V](t)
		if b := c.Append(nil, &v); len(b) < c.program.min {
			t.Fatalf("%+v takes %d bytes, the bound is %d", v, len(b), c.program.min)
		}
	})
	if b := c.Append(nil, new(V)); len(b) < c.program.min {
		t.Errorf("the zero %v takes %d bytes, the bound is %d", reflect.TypeFor[V](), len(b), c.program.min)
	}
}

func TestEncodedValuesCutAnywhereAreTooShort(t *testing.T) {
	c := valueCodec[everyValue](t)
	skip := removedDecoder(t, c.Schema())
	rapid.Check(t, func(t *rapid.T) {
		v := drawn[everyValue](t)
		src := c.Append(nil, &v)
		for cut := range len(src) {
			if err := c.Decode(src[:cut], new(everyValue)); err == nil {
				t.Fatalf("%x cut to %d of %d bytes is decoded", src, cut, len(src))
			}
			if err := skip(append([]byte{1}, src[:cut]...)); err == nil {
				t.Fatalf("%x cut to %d of %d bytes is skipped", src, cut, len(src))
			}
		}
		if err := skip(append([]byte{1}, src...)); err != nil {
			t.Fatalf("%x is not skipped: %v", src, err)
		}
	})
}

// removedDecoder decodes an integer and skips a field of the given schema behind it.
func removedDecoder(t *testing.T, schema string) func(src []byte) error {
	type row struct{ A int64 }
	decode := decoderFor[row](t, removed(schema))
	return func(src []byte) error { return decode(src, new(row)) }
}

func TestEveryDamagedByteIsBorneInDecodingAndSkipping(t *testing.T) {
	c := valueCodec[everyValue](t)
	skip := removedDecoder(t, c.Schema())
	v := everyValue{
		Text: "text", Bytes: []byte{}, Levels: []level{1}, Numbers: []int64{-1, 1 << 40}, Rows: []inner{{"a", 1}},
		Counts: map[string]int64{"a": 1}, Sets: map[inner]map[int8]struct{}{{"b", 2}: {3: {}}},
		Optional: &inner{"c", 3}, At: time.Unix(1, 1), hidden: "hidden",
	}
	src := c.Append(nil, &v)
	for at := range src {
		for b := range 256 {
			damaged := bytes.Clone(src)
			damaged[at] = byte(b)
			decoded := c.Decode(damaged, new(everyValue)) == nil
			if skipped := skip(append([]byte{1}, damaged...)) == nil; decoded && !skipped {
				t.Fatalf("byte %d set to %#x: the value is decoded, but not skipped", at, b)
			}
		}
	}
}

func TestNestedStructsAreFlattened(t *testing.T) {
	type row struct {
		A     int64
		Inner struct{ B, C int64 }
		D     struct{ E struct{ F bool } }
	}
	var r row
	want := []uintptr{
		0, unsafe.Offsetof(r.Inner), unsafe.Offsetof(r.Inner) + unsafe.Offsetof(r.Inner.C), unsafe.Offsetof(r.D),
	}
	var got []uintptr
	for _, o := range valueCodec[row](t).program.ops {
		got = append(got, o.off)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("ops at %v, want one for each scalar at %v", got, want)
	}
}

func TestFieldsWithoutContentTakeNoOps(t *testing.T) {
	type row struct {
		_ int64
		A struct{}
		B [0]int64
		C [5]struct{ _ string }
		D any `aquifer:"-"`
	}
	if ops := valueCodec[row](t).program.ops; len(ops) != 0 {
		t.Errorf("ops %+v", ops)
	}
}

func TestAppendKeepsWhatIsInFront(t *testing.T) {
	c := valueCodec[everyValue](t)
	rapid.Check(t, func(t *rapid.T) {
		v := drawn[everyValue](t)
		alone := c.Append(nil, &v)
		front := make([]byte, 3, 3+rapid.IntRange(0, 2*len(alone)).Draw(t, "room"))
		copy(front, "abc")
		if got := c.Append(front, &v); string(got) != "abc"+string(alone) {
			t.Fatalf("with room for %d bytes appended as %x, alone %x", cap(front)-3, got, alone)
		}
	})
}
