package lsm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// deepest is the number of sublevels of L0 at which it takes no more tables before some have been merged; where memory is
// short it is less, but not less than leastDeep.
const deepest, leastDeep = 24, 12

// later is a failure that time may heal, of a request to the object store. To Pebble, a compaction that meets it has
// been cancelled by others, and is to be tried again; after any other error the range would be left alone for half a
// minute.
type later struct{ error }

// Unwrap returns the failure.
func (l later) Unwrap() error { return l.error }

// Is makes the failure Pebble's cancellation as well.
func (l later) Is(target error) bool { return target == pebble.ErrCancelledCompaction }

// transient marks an error of the object store that time may heal.
func transient(err error) error {
	if base.KindOf(err) != base.Failed {
		return err
	}
	return later{err}
}

// signal wakes whoever waits for a change.
type signal struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next change; nil if nobody waits
}

// changed returns what the next change closes.
func (s *signal) changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

func (s *signal) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}

// room waits until L0 can take another table: a read looks into all of its sublevels, so they are bounded. While
// compactions fail it goes on waiting, for as long as the context lives.
func (s *Shard) room(ctx context.Context) error {
	sublevels := s.sublevels()
	if sublevels < s.res.deepest() || s.turns.hold != nil {
		return nil
	}
	begin := time.Now()
	s.turns.press(+1)
	defer func() {
		s.turns.press(-1)
		s.waited.Add(int64(time.Since(begin)))
	}()
	for {
		changed := s.compacted.changed()
		if s.sublevels() < s.res.deepest() {
			return nil
		}
		if err := s.damaged(); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s.full(ctx)
		case <-s.files.ctx.Done():
			return fmt.Errorf("shard %s: %w", s.r, errClosed)
		}
	}
}

// full is the error of an ingestion that has waited in vain; it says why compactions failed, if they did.
func (s *Shard) full(ctx context.Context) error {
	err := fmt.Errorf("shard %s has %d unmerged tables: %w", s.r, s.sublevels(), context.Cause(ctx))
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(err, s.trouble)
}

// sublevels is how deep L0 is. It tells the scheduler of that, and the filters of the size of the tables.
func (s *Shard) sublevels() int {
	levels, bytes := s.db.Metrics().Levels, int64(0)
	for _, l := range levels {
		bytes += l.TablesSize
	}
	s.share.is(bytes, &s.res.filters)
	s.turns.is(levels[0].Sublevels)
	return int(levels[0].Sublevels)
}
