package record

import (
	"bytes"
	"reflect"
	"strings"
	"unsafe"
)

// maxReferences is how many strings and byte slices a type may hold in place. Types with more are opaque.
const maxReferences = 64

// Layout says where a type holds pointers, and so how it can be kept in memory that the garbage collector
// does not scan. Exactly one of these is true: PointerFree is set; Opaque is set; Strings or Bytes, or
// both, have offsets and cover all pointers.
type Layout struct {
	// Size is that of a value, in bytes.
	Size uintptr
	// PointerFree types can be stored as their bytes.
	PointerFree bool
	// Strings are the offsets of the string fields, in bytes, ascending.
	Strings []uintptr
	// Bytes are the offsets of the fields that are slices of bytes, in bytes, ascending.
	Bytes []uintptr
	// Opaque types hold other pointers, or very many: they must be stored as Go values.
	Opaque bool
}

// LayoutOf returns the layout of T. Fields inside nested structs and arrays count.
func LayoutOf[T any]() Layout {
	t := reflect.TypeFor[T]()
	l := Layout{Size: t.Size()}
	if !l.add(t, 0) {
		return Layout{Size: t.Size(), Opaque: true}
	}
	l.PointerFree = len(l.Strings)+len(l.Bytes) == 0
	return l
}

// Detach replaces the strings and slices of bytes of a value, which is not Opaque, by copies: it holds on to nothing else.
func (l *Layout) Detach(value unsafe.Pointer) {
	CloneStrings(value, l.Strings)
	for _, off := range l.Bytes {
		b := (*[]byte)(unsafe.Add(value, off))
		*b = bytes.Clone(*b)
	}
}

// CloneStrings replaces the strings at offsets of a value by copies, so that it does not hold on to the memory that they are
// parts of.
func CloneStrings(value unsafe.Pointer, offsets []uintptr) {
	for _, off := range offsets {
		s := (*string)(unsafe.Add(value, off))
		*s = strings.Clone(*s)
	}
}

// add notes the pointers of a type that lies at the offset, and reports false if the type is opaque.
func (l *Layout) add(t reflect.Type, off uintptr) bool {
	switch t.Kind() {
	case reflect.String:
		l.Strings = append(l.Strings, off)
	case reflect.Slice:
		l.Bytes = append(l.Bytes, off)
		if t.Elem().Kind() != reflect.Uint8 {
			return false
		}
	case reflect.Struct:
		for f := range t.Fields() {
			if !l.add(f.Type, off+f.Offset) {
				return false
			}
		}
	case reflect.Array:
		return l.addArray(t, off)
	case reflect.Pointer, reflect.UnsafePointer, reflect.Interface, reflect.Map, reflect.Chan, reflect.Func:
		return false
	}
	return len(l.Strings)+len(l.Bytes) <= maxReferences
}

func (l *Layout) addArray(t reflect.Type, off uintptr) bool {
	for i := range t.Len() {
		before := len(l.Strings) + len(l.Bytes)
		if !l.add(t.Elem(), off+uintptr(i)*t.Elem().Size()) {
			return false
		}
		if len(l.Strings)+len(l.Bytes) == before {
			return true // elements without pointers
		}
	}
	return true
}
