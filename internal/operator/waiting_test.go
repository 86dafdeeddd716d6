package operator

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// slow are tables that take a second for all that they are asked.
type slow struct{}

func (slow) Read(context.Context, [][]byte, func(int, []byte) error) error {
	<-time.After(time.Second)
	return nil
}

func (slow) Scan(context.Context, []byte, []byte, func(k, v []byte) error) error {
	<-time.After(time.Second)
	return nil
}

func TestWaitsThatOverlapAreCountedOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w, stats := &waiting{Below: slow{}}, &Stats{}
		must(t, w.Read(t.Context(), nil, nil))
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { must(t, w.Scan(t.Context(), nil, nil, nil)) })
		}
		group.Wait()
		w.tell(stats)
		w.tell(stats) // which has nothing more to tell
		if got := time.Duration(stats.WaitTime.Load()); got != 2*time.Second {
			t.Errorf("%v", got)
		}
	})
}
