package scheduled

import (
	"context"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// ReadAt implements objstore.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	t, err := s.turn(ctx, len(p))
	if err != nil {
		return err
	}
	defer t.over()
	return s.Store.ReadAt(ctx, name, p, off)
}

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, name string) ([]byte, objstore.Version, error) {
	t, err := s.turn(ctx, 0)
	if err != nil {
		return nil, "", err
	}
	defer t.over()
	return s.Store.Get(ctx, name)
}

// Stat implements objstore.Store.
func (s *Store) Stat(ctx context.Context, name string) (objstore.Object, error) {
	t, err := s.turn(ctx, 0)
	if err != nil {
		return objstore.Object{}, err
	}
	defer t.over()
	return s.Store.Stat(ctx, name)
}

// PutIfAbsent implements objstore.Store.
func (s *Store) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	t, err := s.turn(ctx, len(data))
	if err != nil {
		return err
	}
	defer t.over()
	return s.Store.PutIfAbsent(ctx, name, data)
}

// Swap implements objstore.Store.
func (s *Store) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (objstore.Version, error) {
	t, err := s.turn(ctx, len(data))
	if err != nil {
		return "", err
	}
	defer t.over()
	return s.Store.Swap(ctx, name, old, data)
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	t, err := s.turn(ctx, 0)
	if err != nil {
		return err
	}
	defer t.over()
	return s.Store.Delete(ctx, name)
}

// Create implements objstore.Store. Each write and the end of the object wait for a turn of their own.
func (s *Store) Create(ctx context.Context, name string) (objstore.Writer, error) {
	t, err := s.turn(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer t.over()
	w, err := s.Store.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	return &writer{w, s, ctx}, nil
}

type writer struct {
	objstore.Writer
	store *Store
	ctx   context.Context // that the object was begun with
}

// Write implements objstore.Writer. No record waits for what a compaction writes: it rests, if it has to, here.
func (w *writer) Write(p []byte) (int, error) {
	t, err := w.store.turn(w.ctx, max(len(p), small))
	if err != nil {
		return 0, err
	}
	defer t.over()
	return w.Writer.Write(p)
}

// Finish implements objstore.Writer.
func (w *writer) Finish() error {
	t, err := w.store.turn(w.ctx, 0)
	if err != nil {
		w.Abort()
		return err
	}
	defer t.over()
	return w.Writer.Finish()
}
