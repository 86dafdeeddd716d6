package lsm

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// BlockCache is the memory for blocks of tables that all shards of a process share. It is safe for concurrent use.
type BlockCache struct {
	cache *pebble.Cache

	mu      sync.Mutex
	limit   int64
	most    int64  // that blocks have taken
	release func() // gives back what is kept from being used
}

// mostBlocks is the size of the cache as Pebble has it: what is beyond the limit is kept from being used.
const mostBlocks = 64 << 30

func newBlockCache(limit int64) *BlockCache {
	b := &BlockCache{cache: pebble.NewCache(mostBlocks), release: func() {}}
	b.SetLimit(limit)
	return b
}

// Used is the memory that blocks take, in bytes.
func (b *BlockCache) Used() int64 { return b.cache.Size() }

// OutsideHeap is how much memory that is not in the heap of Go is taken for blocks: none, but in a program that is built
// with cgo all, because Pebble then takes it from C. Blocks differ in size, of what is free between them C gives nothing
// back: at most 188 MB of blocks were seen to take 310 MB, and to keep them when they had become 20.
func (b *BlockCache) OutsideHeap() int64 {
	if !fromC {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = max(b.most, b.Used())
	return b.most / 2 * 3
}

// Limit is the size of the cache in bytes.
func (b *BlockCache) Limit() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limit
}

// SetLimit changes the size of the cache; blocks that have no place any more are dropped.
func (b *BlockCache) SetLimit(bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes = min(bytes, mostBlocks); bytes == b.limit {
		return
	}
	b.release() // first: what is kept twice would drop everything
	b.release = b.cache.Reserve(int(mostBlocks - bytes))
	b.limit = bytes
}

// Counts are how many blocks have been found in the cache so far and how many have not.
func (b *BlockCache) Counts() (hits, misses int64) {
	m := b.cache.Metrics()
	return m.Hits, m.Misses
}

func (b *BlockCache) close() { b.cache.Unref() }
