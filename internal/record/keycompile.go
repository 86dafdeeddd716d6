package record

import (
	"reflect"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// compileKey derives the program and schema of a key type.
func compileKey(t reflect.Type) (keyProgram, *schema, error) {
	c := keyCompiler{keyProgram{typ: t}}
	s, err := c.add(t, 0, "")
	if err != nil {
		return keyProgram{}, nil, err
	}
	for _, p := range c.parts {
		if p.form == keyString {
			c.width = keyNotFixed
			break
		}
		c.width += p.size
	}
	return c.keyProgram, s, nil
}

type keyCompiler struct {
	keyProgram
}

// add compiles a type that lies at the offset into parts.
func (c *keyCompiler) add(t reflect.Type, off uintptr, path string) (*schema, error) {
	switch k := t.Kind(); {
	case t == reflect.TypeFor[time.Time]():
		return nil, c.refuse(t, path, "two equal instants may differ in it: use UnixMilli() as an int64")
	case k == reflect.Struct:
		return c.addStruct(t, off, path)
	case k == reflect.Array:
		return c.addArray(t, off, path)
	case k == reflect.String:
		return &schema{Kind: kindString}, c.part(keyPart{form: keyString, off: off})
	case scalarKind(k):
		return &schema{Kind: k.String()}, c.part(scalarPart(t, off))
	}
	return nil, c.refuse(t, path, keyAdvice(t.Kind()))
}

func (c *keyCompiler) addStruct(t reflect.Type, off uintptr, path string) (*schema, error) {
	s := &schema{Kind: kindStruct}
	for f := range t.Fields() {
		if f.Name == "_" {
			continue // it takes no part in == either
		}
		fs, err := c.add(f.Type, off+f.Offset, joinPath(path, f.Name))
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, schemaField{f.Name, fs})
	}
	return s, nil
}

func (c *keyCompiler) addArray(t reflect.Type, off uintptr, path string) (*schema, error) {
	s := &schema{Kind: kindArray, Len: t.Len()}
	if t.Elem().Kind() == reflect.Uint8 {
		s.Elem = &schema{Kind: reflect.Uint8.String()}
		return s, c.part(keyPart{form: keyRaw, off: off, size: t.Size()})
	}
	var err error
	if s.Elem, err = (&keyCompiler{keyProgram{typ: c.typ}}).add(t.Elem(), 0, path+"[]"); err != nil {
		return nil, err
	}
	for i := range t.Len() {
		before := len(c.parts)
		if _, err := c.add(t.Elem(), off+uintptr(i)*t.Elem().Size(), path+"[]"); err != nil {
			return nil, err
		}
		if len(c.parts) == before {
			break // elements without content
		}
	}
	return s, nil
}

func (c *keyCompiler) part(p keyPart) error {
	if c.parts = append(c.parts, p); len(c.parts) > maxKeyParts {
		return base.Errorf(base.Config, "key type %v has more than %d parts: use a smaller key, such as a hash "+
			"of it", c.typ, maxKeyParts)
	}
	return nil
}

func scalarPart(t reflect.Type, off uintptr) keyPart {
	p := keyPart{off: off, size: t.Size()}
	switch t.Size() {
	case 8:
		p.form = keyWord
	case 4:
		p.form = keyHalf
	case 2:
		p.form = keyShort
	case 1:
		p.form = keyByte
	}
	switch t.Kind() {
	case reflect.Bool:
		p.form = keyBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.flip = 1 << (8*t.Size() - 1)
	}
	return p
}

func (c *keyCompiler) refuse(t reflect.Type, path, advice string) error {
	return base.Errorf(base.Config, "key type %v: %s is of type %v, which cannot be part of a key: %s",
		c.typ, describe(path), t, advice)
}

// keyAdvice says why a kind is no part of a key and what to use in its place.
func keyAdvice(k reflect.Kind) string {
	switch k {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return "NaN differs from itself and 0 equals -0, so equal keys would not mean equal bytes: " +
			"use an integer, such as the amount in the smallest unit"
	case reflect.Pointer:
		return "two pointers to equal values are different keys: use the value itself"
	case reflect.Interface:
		return "the types behind it are not known beforehand: use a struct with one field for each"
	case reflect.Int, reflect.Uint:
		return "its width differs between machines: use int64 or uint64"
	}
	return "only booleans, integers, strings, and arrays and structs of these can: use one that identifies it"
}
