package patient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// The pauses between tries of a read double from the first to the longest.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

// Reads returns the store with ReadAt trying again for up to limit. All else is as the store does it.
func Reads(s objstore.Store, limit time.Duration) objstore.Store { return &store{s, limit} }

type store struct {
	objstore.Store
	limit time.Duration
}

// ReadAt implements objstore.Store. An object that ends before the bytes asked for is an error of kind base.Corrupt.
func (s *store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	begin := time.Now()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := s.Store.ReadAt(ctx, name, p, off)
		if err == nil || final(err) {
			return err
		}
		if err := s.short(ctx, name, off+int64(len(p))); err != nil {
			return err
		}
		if time.Since(begin)+pause > s.limit {
			return fmt.Errorf("for %v in vain: %w", time.Since(begin).Round(time.Second), err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err() // not its cause: whoever shares the read may try again
		}
	}
}

// final reports whether there is no point in trying again.
func final(err error) bool {
	return base.KindOf(err) != base.Failed || errors.Is(err, objstore.ErrNotFound) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// short is an error if the object is there and has fewer bytes than it should.
func (s *store) short(ctx context.Context, name string, need int64) error {
	o, err := s.Stat(ctx, name)
	if err != nil || o.Size >= need {
		return nil // a store that cannot even say that is waited for
	}
	return base.Errorf(base.Corrupt, "object %s is damaged: it has %d bytes, of at least %d", name, o.Size, need)
}
