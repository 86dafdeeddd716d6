package keyed

import (
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// versions encodes the values of a state. Each value begins with the number of the schema it was written with:
// tables live on when the type of a state changes, and are not written again for that.
type versions[V any] struct {
	encoding[V]
	older    []string // schemas of earlier programs, in the order of their numbers
	decoders []decoder[V]
}

// encoding is how values look behind that number.
type encoding[V any] struct {
	schema     string
	encode     func(dst []byte, v *V) []byte
	decoderFor func(schema string) (decoder[V], error)
}

// decoder sets a value from all of src and keeps nothing of it.
type decoder[V any] = func(src []byte, v *V) error

// maxSchemas is how many schemas a state can have had.
const maxSchemas = 256

func newVersions[V any](state string) (*versions[V], error) {
	e, err := newEncoding[V](state)
	if err != nil {
		return nil, err
	}
	return versionsOf(e)
}

func newEncoding[V any](state string) (e encoding[V], err error) {
	codec, err := record.NewValueCodec[V]()
	if err != nil {
		return e, base.Errorf(base.Config, "state %q: %w", state, err)
	}
	decoderFor := func(schema string) (decoder[V], error) { return codec.DecoderFor(schema) }
	return encoding[V]{codec.Schema(), codec.Append, decoderFor}, nil
}

func versionsOf[V any](e encoding[V]) (*versions[V], error) {
	v := &versions[V]{encoding: e}
	return v, v.accept(nil)
}

// accept prepares for values of earlier schemas.
func (c *versions[V]) accept(older []string) error {
	if len(older) >= maxSchemas {
		return base.Errorf(base.Config, "its type has changed %d times, which is more than can be kept apart",
			len(older))
	}
	decoders := make([]decoder[V], 0, len(older)+1)
	for _, schema := range append(slices.Clone(older), c.schema) {
		d, err := c.decoderFor(schema)
		if err != nil {
			return err
		}
		decoders = append(decoders, d)
	}
	c.older, c.decoders = slices.Clone(older), decoders
	return nil
}

// decode sets a value from what append wrote, in this program or an earlier one.
func (c *versions[V]) decode(src []byte, v *V) error {
	if len(src) == 0 || int(src[0]) >= len(c.decoders) {
		return base.Errorf(base.Corrupt, "a value of no known schema")
	}
	return c.decoders[src[0]](src[1:], v)
}

// append encodes a value.
func (c *versions[V]) append(dst []byte, v *V) []byte {
	return c.encode(append(dst, byte(len(c.older))), v)
}
