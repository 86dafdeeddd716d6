package record

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
)

// schema describes an encoding as a tree: what a checkpoint says of the types it was written with. The
// names of kinds are stored, so they never change meaning.
type schema struct {
	Kind string `json:"kind"`
	// Name tells apart encodings that a type brings itself: its Go name, or its StateSchema.
	Name   string        `json:"name,omitempty"`
	Len    int           `json:"len,omitempty"`
	Key    *schema       `json:"key,omitempty"`
	Elem   *schema       `json:"elem,omitempty"`
	Fields []schemaField `json:"fields,omitempty"`
}

type schemaField struct {
	Name string  `json:"name"`
	Type *schema `json:"type"`
}

// Kinds beside the scalar ones, which are named like Go's.
const (
	kindString  = "string"
	kindBytes   = "bytes"
	kindSlice   = "slice"
	kindArray   = "array"
	kindMap     = "map"
	kindPointer = "pointer"
	kindStruct  = "struct"
	kindTime    = "time"
	kindBinary  = "binary"
	kindCodec   = "codec"
)

// String is the schema as JSON: fields in the order of the encoding, and always the same text.
func (s *schema) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		// Strings, numbers and pointers to such cannot fail to be written as JSON.
		panic(fmt.Sprintf("record: schema: %v", err))
	}
	return string(text)
}

// title is the kind as an error message names it.
func (s *schema) title() string {
	switch s.Kind {
	case kindArray:
		return fmt.Sprintf("array of %d", s.Len)
	case kindBinary, kindCodec:
		return fmt.Sprintf("%s %q", s.Kind, s.Name)
	}
	return s.Kind
}

// scalarKind reports whether values of the kind are encoded by themselves. Kind int and uint are eight
// bytes wide, so they need a machine on which they are.
func scalarKind(k reflect.Kind) bool {
	switch k {
	case reflect.Int, reflect.Uint:
		return strconv.IntSize == 64
	case reflect.Bool, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// joinPath extends the path of a field by a field's name.
func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// describe is the path of a field for a message; the empty path is the type itself.
func describe(path string) string {
	if path == "" {
		return "the type itself"
	}
	return "field " + path
}
