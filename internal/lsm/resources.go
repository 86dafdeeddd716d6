package lsm

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Resources is what the shards of a process share: the object store, the cache of blocks, the open tables, the
// readers and the compactions. It is safe for concurrent use.
type Resources struct {
	objects objstore.Store
	blocks  *BlockCache
	tables  *pebble.FileCache
	readers *readers
	filters filters
	bounded bounded

	tune    func(*pebble.Options) // tests make trees of little data deep
	wanted  func() bool           // instead of asking whether processors are wanted, in tests
	opening time.Duration         // see turns.opens; none for some tests

	pauses pauses
	warmed atomic.Int64 // bytes that shards have loaded ahead

	mu      sync.Mutex
	free    int             // compactions that may start
	waiting map[*turns]bool // databases that were refused one
	poke    chan struct{}   // wakes the granter
	stop    chan struct{}   // ends it
	done    chan struct{}   // closed when it has ended
	closed  bool
}

// openTables bounds the tables whose footer and properties are in memory, about a kilobyte each.
const openTables = 1 << 15

// NewResources returns resources over a store: blockCacheBytes of memory for blocks, at most readers parallel
// requests for reads, and compactions at a time. Close it after the last shard.
func NewResources(objects objstore.Store, blockCacheBytes int64, readers, compactions int) (*Resources, error) {
	if blockCacheBytes <= 0 || readers <= 0 || compactions <= 0 {
		return nil, base.Errorf(base.Config,
			"%d bytes of block cache, %d readers, %d compactions: each must be above 0",
			blockCacheBytes, readers, compactions)
	}
	r := &Resources{
		objects: objects,
		blocks:  newBlockCache(blockCacheBytes),
		tables:  pebble.NewFileCache(4, openTables),
		readers: newReaders(readers),
		free:    compactions,
		bounded: bounded{compactions: compactions},
		waiting: map[*turns]bool{},
		opening: opening,
		poke:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	if objects.Near() {
		r.readers.near = newNear()
	}
	go r.grant()
	return r, nil
}

// Blocks is the memory for blocks.
func (r *Resources) Blocks() *BlockCache { return r.blocks }

// Paused is for how long compactions have given way to others that wanted a processor.
func (r *Resources) Paused() time.Duration { return time.Duration(r.pauses.nanos.Load()) }

// Close frees the caches. All shards must be closed.
func (r *Resources) Close() {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if closed {
		return
	}
	close(r.stop)
	<-r.done
	r.tables.Unref()
	r.blocks.close()
}
