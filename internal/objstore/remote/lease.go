package remote

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

const (
	leaseName = ".lease" // no name of an object begins with a dot
	leaseTime = 20 * time.Second
	renewTime = leaseTime / 4
	watchTime = time.Second // between looks at another's lease
)

// lease is the object that says which process uses the store. It is written again and again while the process
// lives. Its age is measured by the server's clock alone, so that the clocks of the processes do not matter.
type lease struct {
	Holder   string `json:"holder"`
	Token    string `json:"token"`
	Renewal  int    `json:"renewal"` // makes every content, and so every version, different
	Released bool   `json:"released"`
	Seconds  int    `json:"seconds"` // for which it is valid, from when it was written
	// Process and Machine let a process of the same machine see whether the holder still lives.
	Process int    `json:"process,omitempty"`
	Machine string `json:"machine,omitempty"`
}

// left is how long a lease of the given age stays valid. The server tells times in whole seconds.
func (l lease) left(age time.Duration) time.Duration {
	if l.Released {
		return 0
	}
	return time.Duration(l.Seconds)*time.Second + time.Second - age
}

// Lock implements objstore.Store, by a lease of 20 seconds that is renewed in the background. A crashed holder's
// lease expires, which Lock waits for; that of a live one is seen to be renewed after 5 seconds at most. A holder that
// learns at a renewal that it has lost its lease refuses all writes from then on. Until then it may write: safety
// rests on Swap.
func (s *Store) Lock(ctx context.Context) (func() error, error) {
	h := &holder{store: s, lease: lease{
		Holder: processName(), Token: rand.Text(), Seconds: int(leaseTime / time.Second),
		Process: os.Getpid(), Machine: machine(),
	}}
	if err := h.claim(ctx); err != nil {
		return nil, err
	}
	s.lost.Store(nil)
	living, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var renewing sync.WaitGroup
	renewing.Go(func() { h.renew(living) })
	release := sync.OnceValue(func() error {
		cancel()
		renewing.Wait()
		return h.release(context.WithoutCancel(ctx))
	})
	if err := s.sweep(ctx); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	return fmt.Sprintf("process %d on %s", os.Getpid(), host)
}

// holder is this process's side of a lease.
type holder struct {
	store   *Store
	lease   lease
	version objstore.Version
}

// claim takes the lease over when it is not valid, or not any longer: it waits for the end of a lease that is not
// renewed, so that a process that crashed can be started again at once.
func (h *holder) claim(ctx context.Context) error {
	var first objstore.Version
	for {
		found, version, age, err := h.store.readLease(ctx)
		if err != nil && !errors.Is(err, objstore.ErrNotFound) {
			return err
		}
		if err != nil || found.left(age) <= 0 || found.dead() {
			h.version = version
			if err := h.write(ctx); !errors.Is(err, objstore.ErrChanged) {
				return err
			}
			continue
		}
		if first != "" && version != first {
			return fmt.Errorf("%s: held by %s, which has just renewed its lease: %w",
				h.store, found.Holder, objstore.ErrLocked)
		}
		first = version
		select {
		case <-time.After(watchTime):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// write replaces the lease by the holder's.
func (h *holder) write(ctx context.Context) error {
	data, err := json.Marshal(h.lease)
	if err != nil {
		return err
	}
	h.lease.Renewal++
	version, err := h.store.put(ctx, leaseName, h.version, data, objstore.ErrChanged)
	if err == nil {
		h.version = version
	}
	return err
}

// readLease returns the lease, its version and its age by the server's clock.
func (s *Store) readLease(ctx context.Context) (l lease, v objstore.Version, age time.Duration, err error) {
	data, v, err := s.whole(ctx, leaseName)
	if err != nil {
		return l, "", 0, err
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return l, "", 0, base.Errorf(base.Corrupt, "%s/%s is not a lease: %w: delete it if no process uses the store",
			s, leaseName, err)
	}
	h, err := s.head(ctx, leaseName)
	if err != nil {
		return l, "", 0, s.explain(ctx, s.Requests.Head, leaseName, err)
	}
	if h.Version != v { // it was just renewed
		return l, v, 0, nil
	}
	return l, v, h.Age, nil
}

// renew writes the lease again and again until the context ends or the lease is lost.
func (h *holder) renew(ctx context.Context) {
	tick := time.NewTicker(renewTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if h.write(ctx) == nil {
			continue
		}
		if err := h.recover(ctx); err != nil {
			h.store.lost.Store(&err)
			return
		}
	}
}

// recover finds out whether the lease is still the holder's after a renewal failed. While the store does not
// answer it may be, and the next renewal will show it.
func (h *holder) recover(ctx context.Context) error {
	found, version, _, err := h.store.readLease(ctx)
	if err == nil && found.Token == h.lease.Token {
		h.version = version
		return nil
	}
	if err != nil && !errors.Is(err, objstore.ErrNotFound) && base.KindOf(err) != base.Corrupt {
		return nil
	}
	return fmt.Errorf("%s: this process has lost its lease to %s: %w", h.store, found.Holder, objstore.ErrLocked)
}

// release gives the lease back.
func (h *holder) release(ctx context.Context) error {
	if lost := h.store.lost.Load(); lost != nil {
		return *lost
	}
	ctx, cancel := context.WithTimeout(ctx, cleaning)
	defer cancel()
	h.lease.Released = true
	if h.write(ctx) == nil {
		return nil
	}
	// A renewal that was interrupted may have changed the version.
	if lost := h.recover(ctx); lost != nil {
		return lost
	}
	return h.write(ctx)
}
