package operator

import (
	"encoding/binary"
	"fmt"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// RowCodec writes batches of one row type for checkpoints, and reads them. It is safe for concurrent use.
type RowCodec struct {
	// Schema says what the rows are.
	Schema string
	// Append appends the rows of a batch with their times.
	Append func(dst []byte, batch any) []byte
	// Reader returns the function that reads what was written with a schema, if its rows can become those of today.
	Reader func(schema string) (ReadRows, error)
}

// ReadRows reads a batch.
type ReadRows func(src []byte) (batch any, err error)

func rowCodecOf[T any]() (*RowCodec, error) {
	values, err := record.NewValueCodec[T]()
	if err != nil {
		return nil, err
	}
	pool := PoolOf[T]()
	return &RowCodec{
		Schema: values.Schema(),
		Append: func(dst []byte, batch any) []byte { return appendRows(dst, values, batch.(*flow.Batch[T])) },
		Reader: func(schema string) (ReadRows, error) {
			decode, err := values.DecoderFor(schema)
			if err != nil {
				return nil, err
			}
			return func(src []byte) (any, error) { return readRows(src, decode, pool.Pool.Get(0)) }, nil
		},
	}, nil
}

func appendRows[T any](dst []byte, values *record.ValueCodec[T], b *flow.Batch[T]) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.Rows)))
	var row []byte
	for i := range b.Rows {
		dst = binary.AppendVarint(dst, b.Times[i])
		row = values.Append(row[:0], &b.Rows[i])
		dst = base.AppendBytes(dst, row)
	}
	return dst
}

var errRows = base.Errorf(base.Corrupt, "a batch of rows is damaged")

func readRows[T any](src []byte, decode func([]byte, *T) error, b *flow.Batch[T]) (*flow.Batch[T], error) {
	r := base.NewReader(src)
	for range r.Count() {
		time, encoded := r.Varint(), r.Bytes()
		if r.Bad() {
			return nil, errRows
		}
		var row T
		if err := decode(encoded, &row); err != nil {
			return nil, err
		}
		b.Append(row, time)
	}
	if r.Bad() || r.Len() > 0 {
		return nil, errRows
	}
	return b, nil
}

// selectRows leaves those rows of a batch whose hash is to be kept, and nil if none is.
func selectRows[T any](b *flow.Batch[T], hash func(*flow.Batch[T]), keep func(hash uint64) bool) *flow.Batch[T] {
	hash(b)
	kept := 0
	for i, h := range b.Hashes {
		if keep(h) {
			b.Rows[kept], b.Times[kept], b.Hashes[kept] = b.Rows[i], b.Times[i], h
			kept++
		}
	}
	clear(b.Rows[kept:])
	b.Rows, b.Times, b.Hashes = b.Rows[:kept], b.Times[:kept], b.Hashes[:kept]
	if kept == 0 {
		return nil
	}
	return b
}

func copyRows[T any](c, b *flow.Batch[T]) *flow.Batch[T] {
	c.Rows = append(c.Rows, b.Rows...)
	c.Times = append(c.Times, b.Times...)
	c.Hashes = append(c.Hashes, b.Hashes...)
	return c
}

// selector returns selectRows for batches and a hasher that are not known by their types.
func selector[T any](batch, hasher any, keep func(hash uint64) bool) any {
	hash, ok := hasher.(func(*flow.Batch[T]))
	if !ok {
		panic(fmt.Sprintf("operator: %T does not hash rows of %T", hasher, batch))
	}
	if b := selectRows(batch.(*flow.Batch[T]), hash, keep); b != nil {
		return b
	}
	return nil
}
