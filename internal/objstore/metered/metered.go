package metered

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Store counts the requests to another store. It is safe for concurrent use.
type Store struct {
	objstore.Store
	read, written atomic.Int64 // bytes
	counters      [operations]counter
}

// New wraps a store.
func New(s objstore.Store) *Store { return &Store{Store: s} }

// ReadAt implements objstore.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	begin := time.Now()
	err := s.Store.ReadAt(ctx, name, p, off)
	s.counters[Read].add(begin, err)
	if err == nil {
		s.read.Add(int64(len(p)))
	}
	return err
}

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, name string) ([]byte, objstore.Version, error) {
	begin := time.Now()
	data, v, err := s.Store.Get(ctx, name)
	s.counters[Get].add(begin, err)
	s.read.Add(int64(len(data)))
	return data, v, err
}

// Stat implements objstore.Store.
func (s *Store) Stat(ctx context.Context, name string) (objstore.Object, error) {
	begin := time.Now()
	o, err := s.Store.Stat(ctx, name)
	s.counters[Stat].add(begin, err)
	return o, err
}

// Create implements objstore.Store. The parts of the object and its end are counted as requests of their own.
func (s *Store) Create(ctx context.Context, name string) (objstore.Writer, error) {
	begin := time.Now()
	w, err := s.Store.Create(ctx, name)
	s.counters[Create].add(begin, err)
	if err != nil {
		return nil, err
	}
	return &writer{w, s}, nil
}

type writer struct {
	objstore.Writer
	store *Store
}

// Write implements objstore.Writer. A store may keep the bytes until there are enough for a request.
func (w *writer) Write(p []byte) (int, error) {
	begin := time.Now()
	n, err := w.Writer.Write(p)
	w.store.counters[Write].add(begin, err)
	w.store.written.Add(int64(n))
	return n, err
}

// Finish implements objstore.Writer.
func (w *writer) Finish() error {
	begin := time.Now()
	err := w.Writer.Finish()
	w.store.counters[Finish].add(begin, err)
	return err
}

// PutIfAbsent implements objstore.Store.
func (s *Store) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	begin := time.Now()
	err := s.Store.PutIfAbsent(ctx, name, data)
	s.counters[Put].add(begin, err)
	if err == nil {
		s.written.Add(int64(len(data)))
	}
	return err
}

// Swap implements objstore.Store.
func (s *Store) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (objstore.Version, error) {
	begin := time.Now()
	v, err := s.Store.Swap(ctx, name, old, data)
	s.counters[Swap].add(begin, err)
	if err == nil {
		s.written.Add(int64(len(data)))
	}
	return v, err
}

// List implements objstore.Store. It is one request, however many objects there are, and takes until the last has been
// yielded.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[objstore.Object, error] {
	return func(yield func(objstore.Object, error) bool) {
		begin := time.Now()
		var failed error
		defer func() { s.counters[List].add(begin, failed) }()
		for o, err := range s.Store.List(ctx, prefix) {
			failed = err
			if !yield(o, err) {
				return
			}
		}
	}
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	begin := time.Now()
	err := s.Store.Delete(ctx, name)
	s.counters[Delete].add(begin, err)
	return err
}
