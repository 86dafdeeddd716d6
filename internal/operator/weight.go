package operator

import (
	"unsafe"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// weight is what rows take while they are in flight.
type weight[T any] struct{ heft record.Heft }

const (
	// besides is what a batch has of a row beside its value: time and hash.
	besides = 16
	// weighed is how many rows of a batch are weighed, for all of them.
	weighed = 8
)

func newWeight[T any]() weight[T] { return weight[T]{record.HeftOf[T]()} }

// of is about how many bytes a batch takes, with so many of state for each row.
func (w *weight[T]) of(b *flow.Batch[T], state int64) int64 {
	var heft, n int64
	for i := 0; i < len(b.Rows); i += 1 + len(b.Rows)/weighed {
		heft, n = heft+w.heft.Of(unsafe.Pointer(&b.Rows[i])), n+1
	}
	if n == 0 {
		return 0
	}
	return int64(len(b.Rows)) * (int64(unsafe.Sizeof(b.Rows[0])) + besides + heft/n + state)
}
