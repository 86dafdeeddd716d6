package remote

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// maxWhole is the size in bytes above which Get refuses objects: they are read by ranges.
const maxWhole = 1 << 30

// ErrCut means that the bytes of an answer ended early.
var ErrCut = errors.New("the answer was cut off")

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, name string) ([]byte, objstore.Version, error) {
	if err := check(ctx, name); err != nil {
		return nil, "", err
	}
	return s.whole(ctx, name)
}

// whole reads an object of any name.
func (s *Store) whole(ctx context.Context, name string) ([]byte, objstore.Version, error) {
	a, err := s.get(ctx, name, Part{})
	if err != nil {
		return nil, "", err
	}
	if a.Size < 0 || a.Size > maxWhole {
		_ = a.Body.Close()
		return nil, "", fmt.Errorf("%s %s/%s: %d bytes are too many for a small object",
			s.Requests.Get, s, name, a.Size)
	}
	data := make([]byte, a.Size)
	n, err := drain(a.Body, data)
	if err != nil {
		err = s.fill(ctx, name, data[n:], Part{Off: int64(n), Version: a.Version})
	}
	return data, a.Version, err
}

// get begins to read.
func (s *Store) get(ctx context.Context, name string, part Part) (a Answer, err error) {
	_, err = s.repeat(ctx, func() error {
		a, err = s.protocol.Get(ctx, s.key(name), part)
		return err
	})
	if err != nil && part.Version != "" && s.protocol.Judge(err).Changed {
		return a, s.replaced(name)
	}
	if err != nil {
		return a, s.explain(ctx, s.Requests.Get, name, err)
	}
	return a, nil
}

// drain reads a body until p is full.
func drain(body io.ReadCloser, p []byte) (int, error) {
	defer body.Close()
	n, err := io.ReadFull(body, p)
	if err != nil {
		err = fmt.Errorf("%w after %d of %d bytes: %w", ErrCut, n, len(p), err)
	}
	return n, err
}

// ReadAt implements objstore.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if off < 0 {
		return fmt.Errorf("%s %s/%s: offset %d is negative", s.Requests.Get, s, name, off)
	}
	if len(p) > 0 {
		return s.fill(ctx, name, p, Part{Off: off})
	}
	o, err := s.Stat(ctx, name) // a range cannot be empty
	if err == nil && off > o.Size {
		err = s.short(name, p, off, o.Size)
	}
	return err
}

func (s *Store) short(name string, p []byte, off, has int64) error {
	return fmt.Errorf("%s %s/%s: %d bytes at %d: there are %d", s.Requests.Get, s, name, len(p), off, has)
}

// fill reads a range, whose length is that of p. When the answer is cut off, it asks for the rest of the same object.
func (s *Store) fill(ctx context.Context, name string, p []byte, part Part) error {
	for attempt := 1; ; attempt++ {
		n, version, err := s.piece(ctx, name, p, part)
		if !errors.Is(err, ErrCut) || attempt == Attempts {
			return err
		}
		if n > 0 {
			attempt = 0 // the store does answer
		}
		p, part.Off, part.Version = p[n:], part.Off+int64(n), version
		if err := rest(ctx, attempt+1, false); err != nil {
			return s.explain(ctx, s.Requests.Get, name, err)
		}
	}
}

// piece reads a range by one answer and returns how much of it came, and of which version.
func (s *Store) piece(ctx context.Context, name string, p []byte, part Part) (int, objstore.Version, error) {
	part.Len = int64(len(p))
	a, err := s.get(ctx, name, part)
	if err != nil {
		return 0, "", err
	}
	if a.Size != part.Len || !a.Partial && part.Off > 0 {
		_ = a.Body.Close()
		return 0, "", s.short(name, p, part.Off, a.Size)
	}
	if part.Version != "" && a.Version != part.Version { // not every server heeds conditions of reads
		_ = a.Body.Close()
		return 0, "", s.replaced(name)
	}
	n, err := drain(a.Body, p)
	if err != nil {
		err = s.explain(ctx, s.Requests.Get, name, err)
	}
	return n, a.Version, err
}

func (s *Store) replaced(name string) error {
	return fmt.Errorf("%s %s/%s: it was replaced while it was read", s.Requests.Get, s, name)
}
