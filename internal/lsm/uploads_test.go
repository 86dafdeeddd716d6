package lsm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// slowEnds is a store whose objects become durable when release is called, or fail.
type slowEnds struct {
	objstore.Store
	mu            sync.Mutex
	ending, ended int
	gate          chan error
}

func (s *slowEnds) Create(ctx context.Context, name string) (objstore.Writer, error) {
	w, err := s.Store.Create(ctx, name)
	return &slowEnd{w, s}, err
}

// waiting is how many objects are about to be durable.
func (s *slowEnds) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending - s.ended
}

type slowEnd struct {
	objstore.Writer
	store *slowEnds
}

func (w *slowEnd) Finish() error {
	w.store.mu.Lock()
	w.store.ending++
	w.store.mu.Unlock()
	err := <-w.store.gate
	w.store.mu.Lock()
	w.store.ended++
	w.store.mu.Unlock()
	if err != nil {
		w.Abort()
		return err
	}
	return w.Writer.Finish()
}

// writeSlowly begins to write changes that fill small tables, and returns how many there were.
func writeSlowly(t *testing.T, s objstore.Store) (tables <-chan int, failure <-chan error) {
	set := NewTableSet(t.Context(), s, namer())
	set.EndAt(leastTableSize)
	n, failed := make(chan int, 1), make(chan error, 1)
	go func() {
		for i := range 24 {
			if err := set.Set(fmt.Appendf(nil, "%06d", i), noise(leastTableSize, byte(i))); err != nil {
				set.Abort()
				failed <- err
				return
			}
		}
		infos, err := set.Finish()
		n <- len(infos)
		failed <- err
	}()
	return n, failed
}

// noise is bytes that cannot be compressed.
func noise(n int, seed byte) []byte {
	x, out := uint64(seed)+1, make([]byte, n)
	for i := range out {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out[i] = byte(x)
	}
	return out
}

func TestTablesAreWrittenWhileOthersBecomeDurable(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := &slowEnds{Store: mem.New(), gate: make(chan error)}
		tables, failure := writeSlowly(t, s)
		durable := 0
		for synctest.Wait(); s.waiting() > 0; synctest.Wait() {
			if durable == 0 && s.waiting() != atOnce {
				t.Errorf("%d tables are becoming durable, want %d", s.waiting(), atOnce)
			}
			s.gate <- nil
			durable++
		}
		must(t, <-failure)
		n := 0
		for _, err := range s.List(t.Context(), "") {
			must(t, err)
			n++
		}
		if want := <-tables; n != want || durable != want || want <= atOnce {
			t.Errorf("%d objects, of which %d have been waited for, want %d", n, durable, want)
		}
	})
}

func TestATableThatDoesNotBecomeDurableEndsItsSet(t *testing.T) {
	for bad := range atOnce {
		bubble.Test(t, func(t *testing.T) {
			s := &slowEnds{Store: mem.New(), gate: make(chan error)}
			_, failure := writeSlowly(t, s)
			broken := errors.New("the store is full")
			i := 0
			for synctest.Wait(); s.waiting() > 0; synctest.Wait() {
				s.gate <- map[bool]error{true: broken}[i == bad]
				i++
			}
			err := <-failure
			if !errors.Is(err, broken) || strings.Count(err.Error(), "table ") != 1 {
				t.Errorf("table %d: %v", bad, err)
			}
		})
	}
}
