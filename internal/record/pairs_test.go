package record

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// drawType is a random type of state, of few names and kinds, so that two of them have much in common.
func drawType(rng *rand.Rand, depth int) reflect.Type {
	scalars := []reflect.Type{
		reflect.TypeFor[int64](), reflect.TypeFor[int64](), reflect.TypeFor[int64](), reflect.TypeFor[int32](),
		reflect.TypeFor[string](), reflect.TypeFor[[]byte](),
	}
	if depth == 0 {
		return scalars[rng.IntN(len(scalars))]
	}
	switch rng.IntN(8) {
	case 0:
		return reflect.PointerTo(drawType(rng, depth-1))
	case 1:
		return reflect.SliceOf(drawType(rng, depth-1))
	case 2:
		return reflect.MapOf(reflect.TypeFor[string](), drawType(rng, depth-1))
	case 3:
		return drawType(rng, 0)
	}
	return drawFields(rng, depth)
}

// drawFields is a random struct. A field has the same type wherever it is, but for some.
func drawFields(rng *rand.Rand, depth int) reflect.Type {
	var fields []reflect.StructField
	for _, name := range []string{"A", "B", "C", "D"} {
		same := rand.New(rand.NewPCG(uint64(name[0]), uint64(depth)))
		if rng.IntN(8) == 0 {
			same = rng
		}
		if rng.IntN(4) > 0 {
			fields = append(fields, reflect.StructField{Name: name, Type: drawType(same, depth-1)})
		}
	}
	rng.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return reflect.StructOf(append(fields, reflect.StructField{Name: "Z", Type: reflect.TypeFor[int64]()}))
}

// fillIn sets a value of such a type.
func fillIn(rng *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(int32(rng.Uint32())))
	case reflect.Uint8:
		v.SetUint(uint64(rng.IntN(256)))
	case reflect.String:
		v.SetString([]string{"", "a", "text"}[rng.IntN(3)])
	case reflect.Struct:
		for i := range v.NumField() {
			fillIn(rng, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillIn(rng, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rng.IntN(3), 3))
		for i := range v.Len() {
			fillIn(rng, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		elem := reflect.New(v.Type().Elem()).Elem()
		fillIn(rng, elem)
		v.SetMapIndex(reflect.ValueOf("key"), elem)
	}
}

// readsType is the rule: fields go by their names, everything else is as it was.
func readsType(old, now reflect.Type) bool {
	if old == now {
		return true
	}
	bytes := reflect.TypeFor[[]byte]()
	switch {
	case old.Kind() != now.Kind() || old == bytes || now == bytes:
		return false
	case old.Kind() == reflect.Struct:
		for f := range old.Fields() {
			if n, ok := now.FieldByName(f.Name); ok && !readsType(f.Type, n.Type) {
				return false
			}
		}
		return true
	}
	return readsType(old.Elem(), now.Elem())
}

// readsValue sets v to what the model reads of an older value.
func readsValue(old, v reflect.Value) {
	switch old.Kind() {
	case reflect.Struct:
		for i := range old.NumField() {
			if f := v.FieldByName(old.Type().Field(i).Name); f.IsValid() {
				readsValue(old.Field(i), f)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		readsValue(old.Elem(), v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), old.Len(), old.Len()))
		for i := range old.Len() {
			readsValue(old.Index(i), v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		elem := reflect.New(v.Type().Elem()).Elem()
		readsValue(old.MapIndex(reflect.ValueOf("key")), elem)
		v.SetMapIndex(reflect.ValueOf("key"), elem)
	default:
		v.Set(old)
	}
}

func TestRandomTypesReadEachOtherAsTheModelSaysOrAreRefused(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	read := 0
	for range 1000 {
		if checkPair(t, rng, drawFields(rng, 3), drawFields(rng, 3)) {
			read++
		}
	}
	if read < 20 || read > 980 {
		t.Errorf("%d of 1000 pairs can be read", read)
	}
}

// checkPair writes a value of one type and reads it as another, and reports whether it could.
func checkPair(t *testing.T, rng *rand.Rand, old, now reflect.Type) bool {
	t.Helper()
	was, is := mustDerive(t, old), mustDerive(t, now)
	writer, err := link(old, was, was)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := link(now, is, was)
	if can := readsType(old, now); can != (err == nil) {
		t.Fatalf("%v as %v: %v, want %v", old, now, err, can)
	}
	if err != nil {
		if base.KindOf(err) != base.Config {
			t.Errorf("%v", err)
		}
		return false
	}
	v, got, want := reflect.New(old), reflect.New(now), reflect.New(now)
	fillIn(rng, v.Elem())
	readsValue(v.Elem(), want.Elem())
	rest, err := reader.decode(writer.append(nil, unsafe.Pointer(v.Pointer())), unsafe.Pointer(got.Pointer()))
	if err != nil || len(rest) > 0 || !reflect.DeepEqual(got.Interface(), want.Interface()) {
		t.Errorf("%v as %v: %+v, %v, want %+v", old, now, got.Elem(), err, want.Elem())
	}
	changes, err := Changes(was.String(), is.String())
	if err != nil || (len(changes) == 0) != (was.String() == is.String()) || slices.Contains(changes, "") {
		t.Errorf("%v as %v: changes %q, %v", old, now, changes, err)
	}
	return true
}

func mustDerive(t *testing.T, typ reflect.Type) *schema {
	t.Helper()
	s, err := schemaOf(typ)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
