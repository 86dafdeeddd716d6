package record

import (
	"encoding/json"
	"reflect"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// ValueCodec encodes values of type V, all fields included, exported or not. It is safe for concurrent use
// as far as the encodings that types bring themselves are.
type ValueCodec[V any] struct {
	program *program
	schema  *schema
	text    string
}

// NewValueCodec derives the codec of V. A type inside V that cannot be encoded is a [base.Config] error that
// names the field.
func NewValueCodec[V any]() (*ValueCodec[V], error) {
	t := reflect.TypeFor[V]()
	s, err := schemaOf(t)
	if err != nil {
		return nil, err
	}
	p, err := link(t, s, s)
	if err != nil {
		return nil, err
	}
	return &ValueCodec[V]{p, s, s.String()}, nil
}

// Append appends the encoded value to dst, whose spare capacity it may use beyond what it appends. It panics
// if an encoding that a type brings itself panics or fails: who calls it guards it like other user code.
func (c *ValueCodec[V]) Append(dst []byte, v *V) []byte {
	return c.program.append(dst, unsafe.Pointer(v))
}

// Decode sets the value from the whole of src; fields that are not encoded become zero. The value holds
// nothing of src. After an error, which is a [base.Corrupt] one, the value is unspecified.
func (c *ValueCodec[V]) Decode(src []byte, v *V) error { return decodeValue(c.program, src, v) }

// Schema describes the encoding as JSON: field names and kinds in order. It is stable, and it is what
// DecoderFor takes.
func (c *ValueCodec[V]) Schema() string { return c.text }

// DecoderFor returns the Decode for values that were written under a schema of an earlier or later version of V.
// Fields are matched by name: fields that V has not are skipped, fields that only V has become zero, and
// their order is free. Any other difference is a [base.Config] error that names the field; a schema that
// is none is a [base.Corrupt] one.
func (c *ValueCodec[V]) DecoderFor(writerSchema string) (func(src []byte, v *V) error, error) {
	if writerSchema == c.text {
		return c.Decode, nil
	}
	var writer schema
	if err := json.Unmarshal([]byte(writerSchema), &writer); err != nil {
		return nil, base.Errorf(base.Corrupt, "schema of type %v in the checkpoint: %w",
			reflect.TypeFor[V](), err)
	}
	p, err := link(reflect.TypeFor[V](), c.schema, &writer)
	if err != nil {
		return nil, err
	}
	return func(src []byte, v *V) error { return decodeValue(p, src, v) }, nil
}

func decodeValue[V any](p *program, src []byte, v *V) error {
	var zero V
	*v = zero
	rest, err := p.decode(src, unsafe.Pointer(v))
	if err == nil && len(rest) > 0 {
		err = errTooLong
	}
	if err != nil {
		return base.Errorf(base.Corrupt, "encoded value of type %v: %w; the table is damaged or of another job",
			reflect.TypeFor[V](), err)
	}
	return nil
}
