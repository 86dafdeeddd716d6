package diskcache

import (
	"context"

	"github.com/zeebo/xxh3"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Store is an object store that is read through a cache. It is safe for concurrent use.
type Store struct {
	objstore.Store
	cache *Cache
	seed  uint64
}

var _ objstore.Store = (*Store)(nil)

// Over returns a store that is read through the cache and fills it when it is read and written. The identity
// tells stores apart: it is to be the same whenever the same store is opened, and no other store's.
func (c *Cache) Over(store objstore.Store, identity string) *Store {
	return &Store{store, c, xxh3.HashString(identity)}
}

func (s *Store) key(name string) key {
	h := xxh3.HashString128Seed(name, s.seed)
	return key{h.Hi, h.Lo}
}

// ReadAt implements objstore.Store. Reads that tell no size (objstore.Sized) are the store's own.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	size, known := objstore.SizeOf(ctx)
	if s.cache == nil || !known || !cacheable(size) || len(p) == 0 || off < 0 || off > size-int64(len(p)) {
		return s.Store.ReadAt(ctx, name, p, off)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r := request{s.Store, s.key(name), name, size, objstore.PurposeOf(ctx)}
	fromDisk, err := s.cache.read(ctx, &r, p, off, true)
	if err == nil && r.purpose != objstore.Compaction {
		s.cache.counts.read(len(p), fromDisk)
	}
	return err
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	err := s.Store.Delete(ctx, name)
	if s.cache != nil {
		s.cache.forget(s.key(name))
	}
	return err
}

// Create implements objstore.Store. The object is in the cache some time after it has been finished, if there is
// room on probation and the disk keeps up.
func (s *Store) Create(ctx context.Context, name string) (objstore.Writer, error) {
	w, err := s.Store.Create(ctx, name)
	if err != nil || !s.cache.keeps() {
		return w, err
	}
	return &writer{Writer: w, cache: s.cache, object: s.key(name), staged: new(staged)}, nil
}

// keeps tells whether there is any point in filling.
func (c *Cache) keeps() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.ended && c.capacity() > 0
}
