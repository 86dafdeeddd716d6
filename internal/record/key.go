package record

import (
	"reflect"
	"unsafe"
)

// KeyCodec encodes keys of type K so that the order of the encodings, as bytes, is that of the keys: integers
// by value, false before true, strings and arrays from their start, structs by their fields in order. It is
// safe for concurrent use.
type KeyCodec[K comparable] struct {
	program keyProgram
	schema  string
}

// NewKeyCodec derives the codec of K. K may be made of booleans, integers, strings, and arrays and structs
// of these; any other type is a [base.Config] error that names the field.
func NewKeyCodec[K comparable]() (*KeyCodec[K], error) {
	t := reflect.TypeFor[K]()
	program, s, err := compileKey(t)
	if err != nil {
		return nil, err
	}
	return &KeyCodec[K]{program, s.String()}, nil
}

// Append appends the encoded key to dst.
func (c *KeyCodec[K]) Append(dst []byte, key *K) []byte {
	return c.program.append(dst, unsafe.Pointer(key))
}

// Decode reads the key that src begins with and returns what follows it, a part of src. The key holds
// nothing of src. An error is a [base.Corrupt] one.
func (c *KeyCodec[K]) Decode(src []byte) (key K, rest []byte, err error) {
	rest, err = c.program.decode(src, unsafe.Pointer(&key))
	if err != nil {
		var zero K
		return zero, nil, err
	}
	return key, rest, nil
}

// Hash sets hashes[i] to base.Hash of the encoded keys[i]. The slices must have the same length.
func (c *KeyCodec[K]) Hash(keys []K, hashes []uint64) {
	if len(keys) == 0 {
		return
	}
	var k K
	c.program.hash(unsafe.Pointer(unsafe.SliceData(keys)), unsafe.Sizeof(k), hashes[:len(keys)])
}

// Schema describes the encoding as JSON: kinds and field names in order. Keys are the same on two sides
// only if their schemas are equal.
func (c *KeyCodec[K]) Schema() string { return c.schema }
