package record

import (
	"slices"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
)

// DefaultBatch is the number of rows of a full batch, where nothing else is chosen.
const DefaultBatch = 1024

// maxPooled is the capacity in rows above which a batch is not kept: one that grew for an unusual moment
// would hold on to its memory for ever.
const maxPooled = 16 * DefaultBatch

// Pool recycles batches of rows T. It is safe for concurrent use; the garbage collector may empty it. Batches with room for
// less than DefaultBatch rows are kept by themselves: where memory is short most are such, and those that are larger would
// come to be used for all.
type Pool[T any] struct {
	free, small sync.Pool
	// pointerFree is set when rows hold nothing that could be freed.
	pointerFree bool
}

// NewPool returns an empty pool.
func NewPool[T any]() *Pool[T] { return &Pool[T]{pointerFree: LayoutOf[T]().PointerFree} }

// Get returns an empty batch with room for the given number of rows and their times. The caller owns it.
func (p *Pool[T]) Get(capacity int) *flow.Batch[T] {
	b, ok := p.of(capacity).Get().(*flow.Batch[T])
	if !ok {
		b = new(flow.Batch[T])
	}
	b.Rows = slices.Grow(b.Rows, capacity)
	b.Times = slices.Grow(b.Times, capacity)
	return b
}

// Put takes back a batch that nobody uses any more, whoever made it.
func (p *Pool[T]) Put(b *flow.Batch[T]) {
	if cap(b.Rows) > maxPooled {
		return
	}
	if p.pointerFree {
		// Whoever adds a row sets all of it, so zeroing here would be a second pass over the memory.
		b.Rows = b.Rows[:0]
	}
	b.Reset()
	p.of(cap(b.Rows)).Put(b)
}

// of is where batches with such room are.
func (p *Pool[T]) of(capacity int) *sync.Pool {
	if capacity < DefaultBatch {
		return &p.small
	}
	return &p.free
}
