package lsm

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// quick is what a request takes in a store that is near.
const quick = 100 * time.Microsecond

// places is how many readers a store has that is near.
func places() int64 { return int64(perProcessor * runtime.GOMAXPROCS(0)) }

// around returns a shard like that of afar, reopened with many readers, in a store that is near.
func around(t *testing.T, n int) (*distant, *Shard, [][]byte) {
	t.Helper()
	d, s, keys := afar(t, n)
	d.near = true
	s = reopened(t, d, s, 1024)
	must(t, s.Warm(t.Context()))
	d.latency.Store(int64(quick))
	d.forget()
	return d, s, keys
}

func TestOfAStoreThatIsNearAFewReadAtATimeAndTheFirstEndFirst(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := 10 * int(places())
		d, s, keys := around(t, n)
		var group sync.WaitGroup
		ended := make([]time.Duration, n)
		begin := time.Now()
		for i := range keys {
			group.Go(func() {
				count(t, s, keys[i:i+1])
				ended[i] = time.Since(begin)
			})
			synctest.Wait()
		}
		group.Wait()
		for i, took := range ended {
			if want := quick * time.Duration(1+i/int(places())); took != want {
				t.Errorf("call %d of %d ended after %v, want %v", i, n, took, want)
			}
		}
		if d.most.Load() != places() {
			t.Errorf("%d requests at a time, want %d", d.most.Load(), places())
		}
	})
}

func TestAGroupThatReadsFromAStoreThatIsNearIsNotHeldUpByThoseBehindIt(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := 10 * int(places())
		_, s, keys := around(t, 2*n)
		var group sync.WaitGroup
		var first time.Duration
		begin := time.Now()
		group.Go(func() { count(t, s, keys[:n]); first = time.Since(begin) })
		synctest.Wait()
		count(t, s, keys[n:])
		group.Wait()
		// The other has at most the place that its call waits for, when the first one is at its last keys.
		if most := 11 * quick; first > most {
			t.Errorf("the first group took %v, want at most %v", first, most)
		}
	})
}

func TestAWaitForAPlaceEndsWithTheContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		n := int(places())
		_, s, keys := around(t, n+2)
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() { count(t, s, keys[i:i+1]) })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), quick/2)
		defer cancel()
		var early atomic.Int64
		for _, some := range [][][]byte{keys[n : n+1], keys[n:]} {
			group.Go(func() {
				begin := time.Now()
				if err := s.Read(ctx, some, nothing); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != quick/2 {
					t.Errorf("%d keys: %v after %v", len(some), err, time.Since(begin))
				}
				early.Add(1)
			})
		}
		group.Wait()
		if !s.res.readers.near.places.TryAcquire(places()) || early.Load() != 2 {
			t.Error("places are taken at the end")
		}
	})
}
