package aquifer

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func TestBarriersOvertakeWhereMoreIsQueuedThanTheyMayWaitBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cutOff(t, mem.New(), newCollected[int64](), RunOptions{UnalignedAbove: 1})
	})
}

func TestBarriersWaitBehindWhatIsNotMoreThanTheyMayWaitBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var overtaken int64
		result, err := relayJob(300, nil, func() error { return nil }, 2, newCollected[int64]()).Run(t.Context(), RunOptions{
			Parallelism: 2, MaxParallelism: 16, CheckpointInterval: 1, UnalignedAbove: 1 << 30, objects: mem.New(),
			OnEvent: func(e Event) {
				if s, ok := e.(CheckpointStored); ok {
					overtaken += s.Overtaken
				}
			},
		})
		if err != nil || overtaken != 0 || result.CheckpointsCompleted == 0 {
			t.Errorf("%+v, %v: %d bytes overtaken", result, err, overtaken)
		}
	})
}

// asleep is a store whose state takes long to be read, in virtual time.
type asleep struct{ objstore.Store }

func (s asleep) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if strings.HasPrefix(name, "shards/") {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return s.Store.ReadAt(ctx, name, p, off)
}

// Few rows are queued in front of a function that has taken many, which wait for their state.
func TestRowsThatWaitForStateCountForWhatBarriersMayWaitBehind(t *testing.T) {
	for above, want := range map[int64]bool{256 << 10: true, 1 << 30: false} {
		t.Run(fmt.Sprint(above), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var overtaken int64
				err := goOn(t, t.Context(), ledgerOf(lookTogether), func(o *RunOptions) {
					o.objects, o.UnalignedAbove, o.CheckpointInterval = asleep{o.objects}, above, 10*time.Millisecond
					o.OnEvent = func(e Event) {
						if s, ok := e.(CheckpointStored); ok {
							overtaken += s.Overtaken
						}
					}
				})
				if err != nil || overtaken > 0 != want {
					t.Errorf("%d bytes have been overtaken, %v", overtaken, err)
				}
			})
		})
	}
}

func TestABoundOfQueuedBytesIsNotNegative(t *testing.T) {
	_, err := relayJob(1, nil, func() error { return nil }, 1, newCollected[int64]()).Run(t.Context(), RunOptions{UnalignedAbove: -1})
	wantError(t, err, "-1 queued bytes")
}
