package record

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

type level uint8

// everyValue has a field of every kind that a derived codec knows.
type everyValue struct {
	Bool     bool
	I8       int8
	I16      int16
	I32      int32
	I64      int64
	I        int
	U8       uint8
	U16      uint16
	U32      uint32
	U64      uint64
	U        uint
	F32      float32
	F64      float64
	Text     string
	Bytes    []byte
	Levels   []level
	Raw      [5]byte
	Pair     [2]string
	Numbers  []int64
	Rows     []inner
	Counts   map[string]int64
	Sets     map[inner]map[int8]struct{}
	Optional *inner
	Deep     **[]string
	At       time.Time
	Nothing  [3]struct{}
	//lint:ignore U1000 codecs reach the field by reflection
	inner
	hidden string
	_      int64
	Left   chan int `aquifer:"-"`
}

func valueCodec[V any](t testing.TB) *ValueCodec[V] {
	t.Helper()
	c, err := NewValueCodec[V]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValuesAreRestoredWhole(t *testing.T) {
	checkRestored[everyValue](t)
	checkRestored[int64](t)
	checkRestored[string](t)
	checkRestored[[]byte](t)
	checkRestored[map[int32][]string](t)
	checkRestored[*everyValue](t)
	checkRestored[time.Time](t)
	checkRestored[struct{}](t)
	checkRestored[[2][2]int16](t)
}

func checkRestored[V any](t *testing.T) {
	c := valueCodec[V](t)
	t.Run(reflect.TypeFor[V]().String(), func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			v, got := drawn[V](t), drawn[V](t)
			before := []byte("before")
			src := c.Append(before, &v)
			if !bytes.HasPrefix(src, before) {
				t.Fatalf("appended to %q: %x", before, src)
			}
			if err := c.Decode(src[len(before):], &got); err != nil || !reflect.DeepEqual(got, v) {
				t.Fatalf("%+v is restored as %+v, error %v", v, got, err)
			}
		})
	})
}

func TestDamagedValuesAreAnErrorOrAValue(t *testing.T) {
	c := valueCodec[everyValue](t)
	rapid.Check(t, func(t *rapid.T) {
		v := drawn[everyValue](t)
		var got everyValue
		if err := c.Decode(damage(t, c.Append(nil, &v)), &got); err != nil && base.KindOf(err) != base.Corrupt {
			t.Fatalf("error %v is not of kind Corrupt", err)
		}
	})
}

func FuzzDecodeValue(f *testing.F) {
	c := valueCodec[everyValue](f)
	f.Add(c.Append(nil, &everyValue{Text: "text", Counts: map[string]int64{"a": 1}, Optional: &inner{}}))
	f.Fuzz(func(t *testing.T, src []byte) {
		var first, second everyValue
		if c.Decode(src, &first) != nil {
			return
		}
		text := c.Append(nil, &first)
		if err := c.Decode(text, &second); err != nil {
			t.Fatalf("%x decodes, but encoded again %x does not: %v", src, text, err)
		}
		if again := c.Append(nil, &second); !bytes.Equal(again, text) {
			t.Fatalf("a value is encoded as %x and then as %x", text, again)
		}
	})
}

// Checkpoints hold these bytes: a change breaks them.
func TestEncodedValuesAreFrozen(t *testing.T) {
	at := time.Unix(1, 2).In(time.FixedZone("", 3600))
	for _, c := range []struct{ got, want string }{
		{encodedValue(t, int64(-1)), "03"},
		{encodedValue(t, uint64(math.MaxUint64)), "00ffffffffffffffff"},
		{encodedValue(t, uint16(300)), "b204"},
		{encodedValue(t, int8(-2)), "fe"},
		{encodedValue(t, 1.5), "000000000000f83f"},
		{encodedValue(t, float32(1.5)), "0000c03f"},
		{encodedValue(t, "ab"), "056162"},
		{encodedValue(t, []byte(nil)), "01"},
		{encodedValue(t, []byte{}), "03"},
		{encodedValue(t, []int32{1, -1}), "07" + "05" + "03"},
		{encodedValue(t, [2]byte{1, 2}), "0102"},
		{encodedValue(t, map[string]bool{"b": true, "a": false, "": true}), "09" + "0101" + "036100" + "036201"},
		{encodedValue(t, new(true)), "0101"},
		{encodedValue(t, (*bool)(nil)), "00"},
		{encodedValue(t, at), "05" + "05" + "8270"},
	} {
		if c.got != c.want {
			t.Errorf("encoded as %s, want %s", c.got, c.want)
		}
	}
}

func encodedValue[V any](t *testing.T, v V) string {
	return hex.EncodeToString(valueCodec[V](t).Append(nil, &v))
}

func TestEqualMapsHaveEqualEncodings(t *testing.T) {
	c := valueCodec[map[int64]string](t)
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfDistinct(rapid.Int64(), func(k int64) int64 { return k }).Draw(t, "keys")
		forward, backward := map[int64]string{}, map[int64]string{}
		for i := range keys {
			forward[keys[i]] = "v"
			backward[keys[len(keys)-1-i]] = "v"
		}
		if a, b := c.Append(nil, &forward), c.Append(nil, &backward); !bytes.Equal(a, b) {
			t.Fatalf("the same map is encoded as %x and as %x", a, b)
		}
	})
}

func TestFieldsTaggedAsLeftOutBecomeZero(t *testing.T) {
	type cached struct {
		N     int64
		Cache map[string]any `aquifer:"-"`
	}
	c := valueCodec[cached](t)
	got := cached{Cache: map[string]any{"stale": true}}
	if err := c.Decode(c.Append(nil, &cached{N: 7, Cache: map[string]any{}}), &got); err != nil {
		t.Fatal(err)
	}
	if got.N != 7 || got.Cache != nil {
		t.Errorf("restored as %+v", got)
	}
}

func TestFloatsKeepTheirBits(t *testing.T) {
	c := valueCodec[map[float64]float64](t)
	nan := math.Float64frombits(0x7ff8000000000123)
	src := c.Append(nil, &map[float64]float64{nan: 1, 2: math.Copysign(0, -1)})
	var got map[float64]float64
	if err := c.Decode(src, &got); err != nil || len(got) != 2 || !math.Signbit(got[2]) {
		t.Fatalf("restored as %v, error %v", got, err)
	}
	if again := c.Append(nil, &got); !bytes.Equal(again, src) {
		t.Errorf("encoded as %x and, when restored, as %x", src, again)
	}
}

func TestTimesKeepInstantAndOffset(t *testing.T) {
	c := valueCodec[time.Time](t)
	farAway := time.Date(-9999, 1, 1, 0, 0, 0, 1, time.FixedZone("here", -12345))
	for _, at := range []time.Time{{}, time.Now(), time.Unix(0, 0).UTC(), farAway} {
		var got time.Time
		if err := c.Decode(c.Append(nil, &at), &got); err != nil || !got.Equal(at) {
			t.Errorf("%v is restored as %v, error %v", at, got, err)
		}
		_, offset := at.Zone()
		if _, restored := got.Zone(); restored != offset {
			t.Errorf("%v is restored with an offset of %d", at, restored)
		}
	}
	var zero time.Time
	if err := c.Decode(c.Append(nil, &zero), &zero); err != nil || zero != (time.Time{}) {
		t.Errorf("the zero time is restored as %#v, error %v", zero, err)
	}
}

func TestDecodedValuesShareNoMemoryWithTheBytes(t *testing.T) {
	c := valueCodec[everyValue](t)
	v := everyValue{
		Text: "text", Bytes: []byte("bytes"), Counts: map[string]int64{"key": 1}, Pair: [2]string{"a", "b"},
	}
	src := c.Append(nil, &v)
	var got everyValue
	if err := c.Decode(src, &got); err != nil {
		t.Fatal(err)
	}
	clear(src)
	if got.Text != "text" || string(got.Bytes) != "bytes" || got.Counts["key"] != 1 || got.Pair != v.Pair {
		t.Errorf("the value became %+v when its encoding was overwritten", got)
	}
}

func TestFlatValuesAreEncodedAndDecodedWithoutAllocation(t *testing.T) {
	c := valueCodec[threeWords](t)
	v, buf := threeWords{1, -1 << 40, 1 << 50}, make([]byte, 0, 64)
	allocs := testing.AllocsPerRun(100, func() {
		buf = c.Append(buf[:0], &v)
		if err := c.Decode(buf, &v); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

type threeWords struct{ A, B, C int64 }

func TestDamageIsReportedForWhatItIs(t *testing.T) {
	checkDamage[int64](t, "", errTooShort)
	checkDamage[int64](t, "0303", errTooLong)
	checkDamage[bool](t, "02", errFlag)
	checkDamage[*bool](t, "02", errFlag)
	checkDamage[int16](t, "00ffffffffffffffff", errRange)
	checkDamage[uint16](t, "00ffffffffffffffff", errRange)
	checkDamage[int32](t, "00ffffffffffffffff", errRange)
	checkDamage[uint32](t, "00ffffffffffffffff", errRange)
	checkDamage[time.Time](t, "010000ffffffffffffff01", errRange)
	checkDamage[string](t, "05", errTooShort)
	checkDamage[float64](t, "00000000", errTooShort)
	checkDamage[map[bool]bool](t, "07"+"0000"+"0000", errTwice)
	// Numbers of elements that would need all memory there is.
	checkDamage[[]byte](t, "00ffffffffffffffff", errTooShort)
	checkDamage[[]everyValue](t, "00ffffffffffffff7f", errTooShort)
	checkDamage[map[string]int64](t, "00ffffffffffffff7f", errTooShort)
}

func checkDamage[V any](t *testing.T, src string, want error) {
	t.Helper()
	b, err := hex.DecodeString(src)
	if err != nil {
		t.Fatal(err)
	}
	var v V
	err = valueCodec[V](t).Decode(b, &v)
	if !errors.Is(err, want) || base.KindOf(err) != base.Corrupt {
		t.Errorf("%s as %T: error %v, want %v", src, v, err, want)
	}
}

// money brings its own encoding for state.
type money struct {
	cents int64
	//lint:ignore U1000 codecs reach the field by reflection
	memo *string
}

func (m *money) AppendState(dst []byte) []byte { return appendVarint(dst, m.cents) }
func (m *money) StateSchema() string           { return "money/1" }
func (m *money) DecodeState(b []byte) error {
	x, n := uvarint(b)
	if n == 0 {
		return errors.New("no amount")
	}
	m.cents = unzigzag(x)
	return nil
}

// label is encoded as long text, in a slice that has nothing to do with the one it was given.
type label string

func (l *label) AppendState([]byte) []byte  { return bytes.Repeat([]byte(*l), 100) }
func (l *label) StateSchema() string        { return "label/1" }
func (l *label) DecodeState(b []byte) error { *l = label(b[:len(b)/100]); return nil }

var _, _ flow.Codec = (*money)(nil), (*label)(nil)

func TestTypesMayBringTheirEncoding(t *testing.T) {
	type row struct {
		Price  money
		Prices []*money
		From   netip.Addr
		Names  map[label]label
		Sum    big.Int
		After  string
	}
	c := valueCodec[row](t)
	v := row{
		Price: money{cents: -5}, Prices: []*money{{cents: 7}, nil}, From: netip.MustParseAddr("fe80::1%eth0"),
		Names: map[label]label{"a": "bc", "": "d"}, Sum: *big.NewInt(-1 << 60), After: "after",
	}
	var got row
	if err := c.Decode(c.Append(nil, &v), &got); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("restored as %+v, error %v", got, err)
	}
	for _, s := range []string{`{"kind":"codec","name":"money/1"}`, `{"kind":"binary","name":"netip.Addr"}`} {
		if !strings.Contains(c.Schema(), s) {
			t.Errorf("schema %s does not say %s", c.Schema(), s)
		}
	}
}

func TestErrorsOfOwnEncodingsAreReported(t *testing.T) {
	var m money
	err := valueCodec[money](t).Decode([]byte{1}, &m)
	if base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), "no amount") {
		t.Errorf("error %v", err)
	}
}

// failing cannot be encoded.
type failing struct{ N int }

func (failing) MarshalBinary() ([]byte, error) { return nil, errors.New("out of ink") }
func (*failing) UnmarshalBinary([]byte) error  { return nil }

func TestAppendPanicsWithTheErrorOfAnOwnEncoding(t *testing.T) {
	defer func() {
		err, ok := recover().(error)
		if !ok || !strings.Contains(err.Error(), "record.failing: MarshalBinary: out of ink") {
			t.Errorf("panic with %v", err)
		}
	}()
	valueCodec[failing](t).Append(nil, &failing{})
}

type tree struct {
	Left, Right *tree
}

type inheriting struct {
	time.Time
	Name string
}

type inheritingCodec struct {
	Name string
	*money
}

func TestTypesThatCannotBeKeptAreRefusedByField(t *testing.T) {
	type nested struct {
		Rows []struct{ Any map[string]any }
	}
	checkValueRefused[any](t, "the type itself", "interface {}", "not known beforehand")
	checkValueRefused[nested](t, "field Rows[].Any[]", "interface {}", "not known beforehand")
	checkValueRefused[func()](t, "the type itself", "func()", `aquifer:"-"`)
	checkValueRefused[struct{ c chan int }](t, "field c", "chan int", `aquifer:"-"`)
	checkValueRefused[struct{ p uintptr }](t, "field p", "uintptr")
	checkValueRefused[tree](t, "field Left[]", "record.tree", "contains itself")
	checkValueRefused[map[*int]int](t, "field [key]", "*int", "by address")
	checkValueRefused[map[time.Time]int](t, "field [key]", "time.Time", "UnixMilli")
	checkValueRefused[[]struct{}](t, "without content")
	checkValueRefused[map[struct{}]struct{}](t, "without content")
	checkValueRefused[struct {
		N int `aquifer:"n"`
	}](t, "field N", "the only aquifer tag")
	checkValueRefused[map[struct {
		N int `aquifer:"-"`
	}]int](t, "field [key].N", "may become equal")
	checkValueRefused[inheriting](t, "record.inheriting", "embedded field Time")
	checkValueRefused[inheritingCodec](t, "record.inheritingCodec", "embedded field money")
}

func checkValueRefused[V any](t *testing.T, says ...string) {
	t.Helper()
	_, err := NewValueCodec[V]()
	checkRefused(t, err, append(slices.Clone(says), reflect.TypeFor[V]().String()))
}

// sparse writes nothing for zero, and so relies on being zero when it is decoded.
type sparse struct{ N byte }

func (s *sparse) StateSchema() string { return "sparse/1" }
func (s *sparse) AppendState(dst []byte) []byte {
	if s.N != 0 {
		dst = append(dst, s.N)
	}
	return dst
}
func (s *sparse) DecodeState(b []byte) error {
	if len(b) > 0 {
		s.N = b[0]
	}
	return nil
}

func TestOwnEncodingsAreDecodedIntoZeroValues(t *testing.T) {
	type row struct {
		Map  map[sparse]sparse
		List []sparse
		One  sparse
	}
	c := valueCodec[row](t)
	v := row{Map: map[sparse]sparse{{0}: {5}, {1}: {0}, {2}: {7}}, List: []sparse{{3}, {0}}}
	got := row{One: sparse{9}, List: []sparse{{9}, {9}}}
	// Sorted, the entry with key zero is the first; here it comes behind others.
	swapped := append([]byte{4<<1 | 1, 3, 1, 1, 3, 2, 3, 7, 1, 3, 5}, c.Append(nil, &row{List: v.List})[1:]...)
	for _, src := range [][]byte{c.Append(nil, &v), swapped} {
		if err := c.Decode(src, &got); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%x is decoded as %+v, error %v", src, got, err)
		}
	}
}
