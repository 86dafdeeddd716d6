package record

import (
	"encoding"
	"reflect"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// fieldTag is the struct tag that leaves a field out of the state when its value is "-".
const fieldTag = "aquifer"

// schemaOf derives the schema of a value type, or says which field cannot be encoded and why.
func schemaOf(t reflect.Type) (*schema, error) {
	d := schemaDeriver{root: t, open: map[reflect.Type]bool{}}
	return d.derive(t, "")
}

type schemaDeriver struct {
	root  reflect.Type
	open  map[reflect.Type]bool // the types that the current one is part of
	inKey bool                  // inside the key of a map
}

func (d *schemaDeriver) derive(t reflect.Type, path string) (*schema, error) {
	if d.open[t] {
		return nil, d.refuse(t, path, "it contains itself: keep its parts in a map state, or implement Codec")
	}
	d.open[t] = true
	defer delete(d.open, t)
	if s, err := d.own(t, path); s != nil || err != nil {
		return s, err
	}
	switch k := t.Kind(); k {
	case reflect.String:
		return &schema{Kind: kindString}, nil
	case reflect.Float32, reflect.Float64:
		return &schema{Kind: k.String()}, nil
	case reflect.Struct:
		return d.structure(t, path)
	case reflect.Map:
		return d.mapping(t, path)
	case reflect.Slice, reflect.Array, reflect.Pointer:
		return d.container(t, path)
	default:
		if scalarKind(k) {
			return &schema{Kind: k.String()}, nil
		}
		return nil, d.refuse(t, path, valueAdvice(k))
	}
}

// own is the schema of a type that brings an encoding, or nil.
func (d *schemaDeriver) own(t reflect.Type, path string) (*schema, error) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		if d.inKey {
			return nil, d.refuse(t, path, "equal instants may be different map keys: use UnixMilli() as an int64")
		}
		return &schema{Kind: kindTime}, nil
	case bringsCodec(t):
		if err := d.refuseInherited(t, path, bringsCodec); err != nil {
			return nil, err
		}
		return &schema{Kind: kindCodec, Name: reflect.New(t).Interface().(flow.Codec).StateSchema()}, nil
	case bringsBinary(t):
		return &schema{Kind: kindBinary, Name: t.String()}, d.refuseInherited(t, path, bringsBinary)
	}
	return nil, nil
}

func bringsCodec(t reflect.Type) bool {
	return t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(reflect.TypeFor[flow.Codec]())
}

func bringsBinary(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() != reflect.Interface && p.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()) &&
		p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]())
}

// refuseInherited refuses structs that may have their encoding from an embedded field: it would leave out
// the other fields.
func (d *schemaDeriver) refuseInherited(t reflect.Type, path string, brings func(reflect.Type) bool) error {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		e := f.Type
		if e.Kind() == reflect.Pointer {
			e = e.Elem()
		}
		if f.Anonymous && brings(e) {
			return d.refuse(t, path, "the encoding of its embedded field "+f.Name+
				" would stand for all of it: give that field a name")
		}
	}
	return nil
}

func (d *schemaDeriver) structure(t reflect.Type, path string) (*schema, error) {
	s := &schema{Kind: kindStruct}
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup(fieldTag)
		switch name := joinPath(path, f.Name); {
		case tagged && tag != "-":
			return nil, d.refuse(t, name, `the only `+fieldTag+` tag is "-", which leaves a field out`)
		case tagged && d.inKey:
			return nil, d.refuse(t, name, "a map key with a field left out may become equal to another")
		case tagged || f.Name == "_":
			continue
		default:
			fs, err := d.derive(f.Type, name)
			if err != nil {
				return nil, err
			}
			s.Fields = append(s.Fields, schemaField{f.Name, fs})
		}
	}
	return s, nil
}

func (d *schemaDeriver) mapping(t reflect.Type, path string) (s *schema, err error) {
	s = &schema{Kind: kindMap}
	key := schemaDeriver{root: d.root, open: d.open, inKey: true}
	if s.Key, err = key.derive(t.Key(), path+"[key]"); err != nil {
		return nil, err
	}
	s.Elem, err = d.derive(t.Elem(), path+"[]")
	return s, err
}

// container is the schema of types with one element type.
func (d *schemaDeriver) container(t reflect.Type, path string) (s *schema, err error) {
	s = &schema{Kind: kindSlice}
	switch t.Kind() {
	case reflect.Array:
		s.Kind, s.Len = kindArray, t.Len()
	case reflect.Pointer:
		if d.inKey {
			return nil, d.refuse(t, path, "map keys are compared by address, which is not kept: use the value")
		}
		s.Kind = kindPointer
	}
	if s.Elem, err = d.derive(t.Elem(), path+"[]"); err != nil {
		return nil, err
	}
	if s.Kind == kindSlice && s.Elem.Kind == reflect.Uint8.String() {
		return &schema{Kind: kindBytes}, nil
	}
	return s, nil
}

func (d *schemaDeriver) refuse(t reflect.Type, path, advice string) error {
	return base.Errorf(base.Config, "value type %v: %s is of type %v, which cannot be kept in state: %s",
		d.root, describe(path), t, advice)
}

// valueAdvice says what to do about a kind that has no encoding.
func valueAdvice(k reflect.Kind) string {
	switch k {
	case reflect.Interface:
		return "the types behind it are not known beforehand: use a concrete type, or implement Codec"
	case reflect.Int, reflect.Uint:
		return "its width differs between machines: use int64 or uint64"
	}
	return `it means nothing in another process: leave the field out with the tag aquifer:"-", or implement Codec`
}
