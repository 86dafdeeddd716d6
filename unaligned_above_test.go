package aquifer

import (
	"testing"
	"testing/synctest"

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

func TestABoundOfQueuedBytesIsNotNegative(t *testing.T) {
	_, err := relayJob(1, nil, func() error { return nil }, 1, newCollected[int64]()).Run(t.Context(), RunOptions{UnalignedAbove: -1})
	wantError(t, err, "-1 queued bytes")
}
