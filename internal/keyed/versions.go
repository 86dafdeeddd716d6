package keyed

import (
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// versions encodes the values of a state. Each value begins with the number of the schema it was written with:
// tables live on when the type of a state changes, and are not written again for that. Before the value comes when
// it expires, if it does: whatever time-to-live the state has now.
type versions[V any] struct {
	encoding[V]
	older    []string // schemas of earlier programs, in the order of their numbers
	decoders []decoders[V]
}

// decoders are those of a schema: for values that do not expire, and for those that do.
type decoders[V any] struct{ lasting, expiring decoder[V] }

// encoding is how values look behind that number.
type encoding[V any] struct {
	schema     string
	encode     func(dst []byte, v *V) []byte
	decoderFor func(schema string, expires bool) (decoder[V], error)
	// until is where a value has its expiry, zero if it was written without; nil if the state has no time-to-live.
	until func(v *V) *int64
}

// decoder sets a value from all of src and keeps nothing of it.
type decoder[V any] = func(src []byte, v *V) error

// maxSchemas is how many schemas a state can have had.
const maxSchemas = base.MaxNumber

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
	decoderFor := func(schema string, _ bool) (decoder[V], error) { return codec.DecoderFor(schema) }
	return encoding[V]{schema: codec.Schema(), encode: codec.Append, decoderFor: decoderFor}, nil
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
	all := make([]decoders[V], 0, len(older)+1)
	for _, schema := range append(slices.Clone(older), c.schema) {
		lasting, err := c.decoderFor(schema, false)
		if err != nil {
			return err
		}
		expiring, err := c.decoderFor(schema, true)
		if err != nil {
			return err
		}
		all = append(all, decoders[V]{lasting, expiring})
	}
	c.older, c.decoders = slices.Clone(older), all
	return nil
}

// decode sets a value from what append wrote, in this program or an earlier one.
func (c *versions[V]) decode(src []byte, v *V) error {
	number, until, expires, rest, ok := base.SplitValue(src)
	if !ok || number >= len(c.decoders) {
		return base.Errorf(base.Corrupt, "a value of no known schema")
	}
	decode := c.decoders[number].lasting
	if expires {
		decode = c.decoders[number].expiring
	}
	if err := decode(rest, v); err != nil {
		return err
	}
	if c.until != nil && !forgetExpiry {
		*c.until(v) = until
	}
	return nil
}

// forgetExpiry is set by the test that shows that what has expired must be so after a restore too.
var forgetExpiry = false

// append encodes a value.
func (c *versions[V]) append(dst []byte, v *V) []byte {
	if c.until != nil {
		if until := *c.until(v); until != 0 {
			return c.encode(base.AppendExpiry(dst, len(c.older), until), v)
		}
	}
	return c.encode(base.AppendNumber(dst, len(c.older)), v)
}
