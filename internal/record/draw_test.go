package record

import (
	"cmp"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// draw sets a value of any supported type, unexported fields included, from few and awkward parts: equal
// values, common beginnings, the limits of integers, nil beside empty.
func draw(t *rapid.T, v reflect.Value) {
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Just(int64(-1)), rapid.Just(int64(0)), rapid.Int64()).Draw(t, "int"))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.OneOf(rapid.Just(^uint64(0)), rapid.Uint64()).Draw(t, "uint"))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(rapid.Float32().Draw(t, "float")))
	case reflect.String:
		v.SetString(drawString(t))
	case reflect.Struct:
		drawStruct(t, v)
	case reflect.Array:
		for i := range v.Len() {
			draw(t, v.Index(i))
		}
	default:
		drawReference(t, v)
	}
}

func drawString(t *rapid.T) string {
	b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xFE, 0xFF}), 0, 4).Draw(t, "string")
	return string(b) + strings.Repeat("x", rapid.SampledFrom([]int{0, 0, 0, 0, 200}).Draw(t, "tail"))
}

func drawStruct(t *rapid.T, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		seconds := rapid.Int64Range(-1<<40, 1<<40).Draw(t, "seconds")
		at := time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "nanos"))
		zone := time.UTC
		if offset := rapid.IntRange(-14*60, 14*60).Draw(t, "offset"); offset != 0 {
			zone = time.FixedZone("", offset*60)
		}
		v.Set(reflect.ValueOf(at.In(zone)))
		return
	}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Name != "_" && f.Tag.Get("aquifer") != "-" {
			draw(t, v.Field(i))
		}
	}
}

func drawReference(t *rapid.T, v reflect.Value) {
	n := rapid.IntRange(-1, 3).Draw(t, "elements")
	if n < 0 {
		return // nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		draw(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			draw(t, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range n {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			draw(t, key)
			draw(t, elem)
			v.SetMapIndex(key, elem)
		}
	}
}

func drawn[T any](t *rapid.T) T {
	var v T
	draw(t, reflect.ValueOf(&v).Elem())
	return v
}

// compare is the natural order of keys: what the order of their encodings is held against.
func compare(a, b reflect.Value) int {
	switch a.Kind() {
	case reflect.Bool:
		number := map[bool]int{false: 0, true: 1}
		return number[a.Bool()] - number[b.Bool()]
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return cmp.Compare(a.Int(), b.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return cmp.Compare(a.Uint(), b.Uint())
	case reflect.String:
		return strings.Compare(a.String(), b.String())
	case reflect.Array:
		for i := range a.Len() {
			if c := compare(a.Index(i), b.Index(i)); c != 0 {
				return c
			}
		}
	case reflect.Struct:
		for i := range a.NumField() {
			if a.Type().Field(i).Name == "_" {
				continue
			}
			if c := compare(a.Field(i), b.Field(i)); c != 0 {
				return c
			}
		}
	}
	return 0
}
