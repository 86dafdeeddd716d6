package operator

import (
	"unsafe"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// weight is what rows take while they are in flight.
type weight[T any] struct{ heft record.Heft }

// besides is what a batch has of a row beside its value: time and hash.
const besides = 16

func newWeight[T any]() weight[T] { return weight[T]{record.HeftOf[T]()} }

// of is about how many bytes a batch takes, with so many of state for each row.
func (w *weight[T]) of(b *flow.Batch[T], state int64) int64 {
	if len(b.Rows) == 0 {
		return 0
	}
	w.heft.Take(unsafe.Pointer(&b.Rows[0]))
	return int64(len(b.Rows)) * (int64(unsafe.Sizeof(b.Rows[0])) + besides + w.heft.Each() + state)
}
