package mem

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Store is an object store in memory.
type Store struct {
	mu      sync.Mutex
	objects map[string]content
	writes  uint64
	locked  bool
}

type content struct {
	data    []byte
	version objstore.Version
}

var _ objstore.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{objects: map[string]content{}} }

// Clone returns a store with the same objects and no lock: what a crash at this moment leaves.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Store{objects: maps.Clone(s.objects), writes: s.writes}
}

// ReadAt implements objstore.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	c, err := s.content(ctx, name)
	if err != nil {
		return err
	}
	if off < 0 || off > int64(len(c.data)-len(p)) {
		return fmt.Errorf("read %d bytes at %d of %s: it has %d bytes", len(p), off, name, len(c.data))
	}
	copy(p, c.data[off:])
	return nil
}

// Get implements objstore.Store. The bytes are the caller's.
func (s *Store) Get(ctx context.Context, name string) ([]byte, objstore.Version, error) {
	c, err := s.content(ctx, name)
	return bytes.Clone(c.data), c.version, err
}

// content returns what an object holds, which nobody changes: an object is replaced as a whole.
func (s *Store) content(ctx context.Context, name string) (content, error) {
	if err := ctx.Err(); err != nil {
		return content{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.objects[name]
	if !ok {
		return content{}, fmt.Errorf("get %s: %w", name, objstore.ErrNotFound)
	}
	return c, nil
}

// Stat implements objstore.Store.
func (s *Store) Stat(ctx context.Context, name string) (objstore.Object, error) {
	if err := ctx.Err(); err != nil {
		return objstore.Object{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.objects[name]
	if !ok {
		return objstore.Object{}, fmt.Errorf("stat %s: %w", name, objstore.ErrNotFound)
	}
	return objstore.Object{Name: name, Size: int64(len(c.data))}, nil
}

// Create implements objstore.Store.
func (s *Store) Create(ctx context.Context, name string) (objstore.Writer, error) {
	if err := objstore.CheckName(name); err != nil {
		return nil, err
	}
	return &writer{store: s, ctx: ctx, name: name}, ctx.Err()
}

type writer struct {
	store *Store
	ctx   context.Context
	name  string
	parts [][]byte // of partLen bytes each, but for the last: what has been written is copied once, when all is there
}

const partLen = 1 << 20

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if n := len(w.parts); n == 0 || len(w.parts[n-1]) == partLen {
			w.parts = append(w.parts, nil)
		}
		last := &w.parts[len(w.parts)-1]
		n := min(len(rest), partLen-len(*last))
		*last, rest = append(*last, rest[:n]...), rest[n:]
	}
	return len(p), nil
}

// Finish implements objstore.Writer.
func (w *writer) Finish() error { return w.store.create(w.ctx, w.name, slices.Concat(w.parts...)) }

// Abort implements objstore.Writer.
func (w *writer) Abort() { w.parts = nil }

// PutIfAbsent implements objstore.Store.
func (s *Store) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	return s.create(ctx, name, bytes.Clone(data))
}

// create stores data, which is the store's from now on.
func (s *Store) create(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[name]; ok {
		return fmt.Errorf("put %s: %w", name, objstore.ErrExists)
	}
	s.put(name, data)
	return nil
}

func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return objstore.CheckName(name)
}

// put stores data, which is the store's from now on, under a new version. The mutex is held.
func (s *Store) put(name string, data []byte) objstore.Version {
	s.writes++
	v := objstore.Version(strconv.FormatUint(s.writes, 10))
	s.objects[name] = content{data, v}
	return v
}

// Swap implements objstore.Store.
func (s *Store) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (objstore.Version, error) {
	if err := check(ctx, name); err != nil {
		return "", err
	}
	data = bytes.Clone(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[name].version != old {
		return "", fmt.Errorf("swap %s: %w", name, objstore.ErrChanged)
	}
	return s.put(name, data), nil
}

// List implements objstore.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[objstore.Object, error] {
	return func(yield func(objstore.Object, error) bool) {
		s.mu.Lock()
		var all []objstore.Object
		for name, c := range s.objects {
			if strings.HasPrefix(name, prefix) {
				all = append(all, objstore.Object{Name: name, Size: int64(len(c.data))})
			}
		}
		s.mu.Unlock()
		slices.SortFunc(all, func(a, b objstore.Object) int { return strings.Compare(a.Name, b.Name) })
		for _, o := range all {
			if err := ctx.Err(); err != nil {
				yield(objstore.Object{}, err)
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, name)
	return nil
}

// Near implements objstore.Store.
func (s *Store) Near() bool { return true }

// Lock implements objstore.Store, between users of one Store value.
func (s *Store) Lock(ctx context.Context) (func() error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked {
		return nil, fmt.Errorf("state in memory: %w", objstore.ErrLocked)
	}
	s.locked = true
	return func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.locked = false
		return nil
	}, nil
}

// String implements objstore.Store.
func (s *Store) String() string { return "memory" }
