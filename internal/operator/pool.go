package operator

import (
	"reflect"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// Pool recycles full-sized batches of rows T. All operators of a process share one for each row type, so
// that a batch which is emptied at one end of a job is filled again at the other.
type Pool[T any] struct{ *record.Pool[T] }

var pools sync.Map // of *record.Pool[T], by the reflect.Type of T

// PoolOf returns the pool for rows T.
func PoolOf[T any]() Pool[T] {
	t := reflect.TypeFor[T]()
	p, ok := pools.Load(t)
	if !ok {
		p, _ = pools.LoadOrStore(t, record.NewPool[T]())
	}
	return Pool[T]{p.(*record.Pool[T])}
}

// Get returns an empty batch with room for a full one.
func (p Pool[T]) Get() *flow.Batch[T] { return p.Pool.Get(record.DefaultBatch) }
