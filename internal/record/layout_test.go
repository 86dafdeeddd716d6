package record

import (
	"reflect"
	"testing"
	"time"
	"unsafe"
)

func TestLayoutFindsStringsAndBytesAtAnyDepth(t *testing.T) {
	type part struct {
		N    int32
		Name string
	}
	type row struct {
		ID    int64
		Parts [2]part
		Raw   []byte
		_     string
	}
	var r row
	name := unsafe.Offsetof(r.Parts[0].Name)
	want := Layout{
		Size: unsafe.Sizeof(r),
		Strings: []uintptr{
			unsafe.Offsetof(r.Parts) + name,
			unsafe.Offsetof(r.Parts) + unsafe.Sizeof(part{}) + name,
			unsafe.Sizeof(r) - unsafe.Sizeof(""),
		},
		Bytes: []uintptr{unsafe.Offsetof(r.Raw)},
	}
	if got := LayoutOf[row](); !reflect.DeepEqual(got, want) {
		t.Errorf("layout %+v, want %+v", got, want)
	}
}

func TestLayoutOfTypesWithoutPointers(t *testing.T) {
	checkPointerFree[int64](t)
	checkPointerFree[struct{}](t)
	checkPointerFree[[1 << 20]struct{ a, b float32 }](t)
	checkPointerFree[[0]string](t)
	checkPointerFree[uintptr](t)
	checkPointerFree[complex128](t)
}

func checkPointerFree[T any](t *testing.T) {
	var v T
	want := Layout{Size: unsafe.Sizeof(v), PointerFree: true}
	if got := LayoutOf[T](); !reflect.DeepEqual(got, want) {
		t.Errorf("%T: layout %+v, want %+v", v, got, want)
	}
}

func TestLayoutOfTypesWithOtherPointersIsOpaque(t *testing.T) {
	checkOpaque[*int](t)
	checkOpaque[any](t)
	checkOpaque[map[string]int](t)
	checkOpaque[func()](t)
	checkOpaque[chan int](t)
	checkOpaque[unsafe.Pointer](t)
	checkOpaque[[]int64](t)
	checkOpaque[time.Time](t)
	checkOpaque[[2]struct {
		Name string
		Next *int
	}](t)
	checkOpaque[[maxReferences + 1]string](t)
}

func checkOpaque[T any](t *testing.T) {
	var v T
	want := Layout{Size: unsafe.Sizeof(v), Opaque: true}
	if got := LayoutOf[T](); !reflect.DeepEqual(got, want) {
		t.Errorf("%v: layout %+v, want %+v", reflect.TypeFor[T](), got, want)
	}
}

func TestAValueThatIsDetachedHoldsOnToNothing(t *testing.T) {
	type row struct {
		N   int64
		A   [2]string
		Raw []byte
	}
	name, raw := []byte("name"), []byte("raw")
	shared := unsafe.String(&name[0], len(name))
	r := row{N: 1, A: [2]string{shared, "other"}, Raw: raw}
	layout := LayoutOf[row]()
	layout.Detach(unsafe.Pointer(&r))
	name[0], raw[0] = 'x', 'x'
	if want := (row{N: 1, A: [2]string{"name", "other"}, Raw: []byte("raw")}); !reflect.DeepEqual(r, want) {
		t.Errorf("%+v, want %+v", r, want)
	}
}
