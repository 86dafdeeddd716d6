package record

import (
	"reflect"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// link compiles the program for values of type t, whose schema is reader, in the encoding that writer
// describes. With the two schemas the same, the program also encodes.
func link(t reflect.Type, reader, writer *schema) (*program, error) {
	l := linker{root: t}
	return l.program(place{typ: t, reader: reader, writer: writer})
}

// linker compiles one type.
type linker struct {
	root reflect.Type
}

// place is a field, or the whole value: where it lies and how it was and is encoded. The reader and its type
// are nil if the field is to be skipped.
type place struct {
	typ            reflect.Type
	off            uintptr // from the start of the value or element, in bytes
	reader, writer *schema
	path           string
}

// program compiles a type that starts at offset zero.
func (l *linker) program(at place) (*program, error) {
	p := new(program)
	if at.typ != nil {
		p.size = at.typ.Size()
	}
	return p, l.add(p, at)
}

// add appends the ops for a place.
func (l *linker) add(p *program, at place) error {
	if err := l.check(at); err != nil {
		return err
	}
	switch at.writer.Kind {
	case kindStruct:
		return l.addStruct(p, at)
	case kindArray:
		return l.addArray(p, at)
	case kindSlice, kindMap, kindPointer:
		return l.addReference(p, at)
	}
	s, ok := scalars[at.writer.Kind]
	if !ok {
		return l.fail(base.Config, at, "has kind %q in the checkpoint, which only a newer version knows",
			at.writer.Kind)
	}
	p.add(op{code: s.code, off: at.off, typ: at.typ}, s.min)
	return nil
}

// check compares the outermost kinds.
func (l *linker) check(at place) error {
	r, w := at.reader, at.writer
	if w == nil {
		return l.fail(base.Corrupt, at, "has no kind in the schema of the checkpoint")
	}
	if r == nil || r.Kind == w.Kind && r.Name == w.Name && r.Len == w.Len {
		return nil
	}
	return l.fail(base.Config, at, "was written as %s and is %s now: keep the old type, or add a field "+
		"with another name for the new one", w.title(), r.title())
}

// addStruct matches fields by name, in the order in which they were written.
func (l *linker) addStruct(p *program, at place) error {
	for _, w := range at.writer.Fields {
		add, field := l.add, at.field(w)
		if field.reader == nil {
			add = l.addSkip
		}
		if err := add(p, field); err != nil {
			return err
		}
	}
	return nil
}

func (l *linker) addSkip(p *program, at place) error {
	elem, err := l.program(at)
	if err != nil {
		return err
	}
	if len(elem.ops) > 0 {
		p.add(op{code: opSkip, elem: elem}, elem.min)
	}
	return nil
}

func (l *linker) addArray(p *program, at place) (err error) {
	o := op{code: opArray, off: at.off, n: at.writer.Len, typ: at.typ}
	if o.n < 0 {
		return l.fail(base.Corrupt, at, "has %d elements in the schema of the checkpoint", o.n)
	}
	if o.elem, err = l.program(at.elem()); err != nil {
		return err
	}
	if at.writer.Elem.Kind == reflect.Uint8.String() {
		o.code = opRaw
	}
	if o.n > 0 && len(o.elem.ops) > 0 {
		p.add(o, min(o.n, maxMin/o.elem.min)*o.elem.min)
	}
	return nil
}

// addReference compiles what is not stored in place and may be nil.
func (l *linker) addReference(p *program, at place) (err error) {
	o := op{code: opSlice, off: at.off, typ: at.typ}
	if o.elem, err = l.program(at.elem()); err != nil {
		return err
	}
	least := o.elem.min
	switch at.writer.Kind {
	case kindPointer:
		o.code, least = opPointer, 1
	case kindMap:
		o.code = opMap
		if o.key, err = l.key(at); err != nil {
			return err
		}
		least += o.key.min
	}
	if least == 0 {
		return l.fail(base.Config, at, "has elements without content: keep their number instead")
	}
	p.add(o, 1)
	return nil
}

// key compiles the key of a map. Two keys could become one if their type changed in any way.
func (l *linker) key(at place) (*program, error) {
	key := at.key()
	p, err := l.program(key)
	if err == nil && key.reader != nil && key.reader.String() != key.writer.String() {
		err = l.fail(base.Config, at, "has keys of another type in the checkpoint: the key of a map cannot change")
	}
	return p, err
}

func (l *linker) fail(kind base.Kind, at place, format string, args ...any) error {
	return base.Errorf(kind, "value type %v: %s "+format, append([]any{l.root, describe(at.path)}, args...)...)
}

// field is the place of a field that was written. It has no reader if the type has no such field, or one
// that is left out.
func (at place) field(w schemaField) place {
	field := place{writer: w.Type, path: joinPath(at.path, w.Name)}
	if at.reader == nil {
		return field
	}
	for _, r := range at.reader.Fields {
		if r.Name == w.Name {
			f := fieldNamed(at.typ, w.Name)
			field.reader, field.typ, field.off = r.Type, f.Type, at.off+f.Offset
		}
	}
	return field
}

// elem is the place of the elements of an array, slice, map or pointer.
func (at place) elem() place {
	elem := place{writer: at.writer.Elem, path: at.path + "[]"}
	if at.reader != nil {
		elem.reader, elem.typ = at.reader.Elem, at.typ.Elem()
	}
	return elem
}

// key is the place of the keys of a map.
func (at place) key() place {
	key := place{writer: at.writer.Key, path: at.path + "[key]"}
	if at.reader != nil {
		key.reader, key.typ = at.reader.Key, at.typ.Key()
	}
	return key
}

// fieldNamed finds a field of the struct itself, which its schema says is there; embedded structs may have
// fields of the same name.
func fieldNamed(t reflect.Type, name string) reflect.StructField {
	i := 0
	for t.Field(i).Name != name {
		i++
	}
	return t.Field(i)
}
