package scheduled

import (
	"context"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Store makes requests to another store wait for their turn. It is safe for concurrent use.
type Store struct {
	objstore.Store

	mu     sync.Mutex // never held during a request
	queue  queue
	pace   pace
	waited [objstore.Purposes]time.Duration
	// resting are the compactions that rest.
	resting int
}

// New wraps a store. Limits under which a request would wait for ever are an error of kind base.Config.
func New(s objstore.Store, l Limits) (*Store, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	return &Store{Store: s, queue: queue{limits: l}}, nil
}

// small is below how many bytes a read does not rest: it may be of an index or a footer, for which a record waits that
// wants the same table.
const small = 256 << 10

// turn is a request under way.
type turn struct {
	store   *Store
	purpose objstore.Purpose
	begin   time.Time
}

// turn waits until a request that moves so many bytes may be made. The error is that of the context.
func (s *Store) turn(ctx context.Context, bytes int) (turn, error) {
	t := turn{store: s, purpose: objstore.PurposeOf(ctx), begin: time.Now()}
	if t.purpose == objstore.Compaction && bytes >= small {
		if err := s.rest(ctx); err != nil {
			return t, err
		}
	}
	if err := s.enter(ctx, t.purpose); err != nil {
		return t, err
	}
	now := time.Now()
	if waited := now.Sub(t.begin); waited > 0 {
		s.mu.Lock()
		s.waited[t.purpose] += waited
		s.mu.Unlock()
	}
	t.begin = now
	return t, nil
}

// over ends the request.
func (t turn) over() {
	took := time.Since(t.begin)
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	begin(s.queue.finish(t.purpose))
	if t.purpose == objstore.Compaction {
		s.pace.worked(took, s.queue.urgent())
	}
}

func begin(granted []*ticket) {
	for _, t := range granted {
		close(t.ready)
	}
}

// enter waits for room.
func (s *Store) enter(ctx context.Context, p objstore.Purpose) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.queue.take(p) {
		s.mu.Unlock()
		return nil
	}
	t := &ticket{purpose: p, ready: make(chan struct{})}
	begin(s.queue.arrive(t))
	s.mu.Unlock()
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.queue.withdraw(t) { // granted in the same moment
		begin(s.queue.finish(p))
	}
	return ctx.Err()
}

// rest waits while what is more urgent is to have the store to itself.
func (s *Store) rest(ctx context.Context) error {
	s.mu.Lock()
	d := s.pace.rest(s.queue.urgent())
	s.resting++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.resting--
		s.mu.Unlock()
	}()
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
