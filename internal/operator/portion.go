package operator

import (
	"unsafe"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// portion is how many rows a batch may take where memory is bounded: all channels together keep to a part of it. n
// subtasks send to n others by n² of them, and each holds some batches.
type portion[T any] struct {
	bytes  int64 // that a batch may take; zero for no bound
	rows   int
	weight weight[T]
	filled int // batches
}

const (
	// leastPortion are the rows of a batch however many channels there are: fewer cost more by themselves than in company.
	leastPortion = 32
	// weighEvery is after how many batches rows are weighed again.
	weighEvery = 16
)

func newPortion[T any](bytes int64) portion[T] {
	p := portion[T]{bytes: bytes, rows: record.DefaultBatch, weight: newWeight[T]()}
	if bytes > 0 {
		var row T
		p.fit(int64(unsafe.Sizeof(row)) + besides)
	}
	return p
}

// fit makes room for rows of so many bytes each.
func (p *portion[T]) fit(each int64) {
	p.rows = int(min(record.DefaultBatch, max(leastPortion, p.bytes/each)))
}

// learn looks at what a batch that has been filled takes.
func (p *portion[T]) learn(b *flow.Batch[T]) {
	if p.bytes == 0 {
		return
	}
	if p.filled%weighEvery == 0 {
		p.fit(p.weight.of(b, 0) / int64(len(b.Rows)))
	}
	p.filled++
}
