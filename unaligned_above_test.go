package aquifer

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func TestBarriersOvertakeWhereMoreIsQueuedThanTheyMayWaitBehind(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		cutOff(t, mem.New(), newCollected[int64](), RunOptions{UnalignedAbove: 1})
	})
}

func TestBarriersWaitBehindWhatIsNotMoreThanTheyMayWaitBehind(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
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

// waiting goes on with ledgers whose state cannot be read, until there have been two checkpoints since a row waits for it:
// the second has it.
func waiting(t *testing.T, gate func(int64) error) {
	t.Helper()
	store, sink := mem.New(), newCollected[string]()
	stop, begun := stopAt(1000)
	o := RunOptions{Parallelism: 1, MaxParallelism: 8, Stop: stop, CheckpointInterval: -1, objects: store}
	mustRun(t, ledgers(1<<40, ledgerOf(look), begun, sink), o)
	enough, late := errors.New("enough"), errors.New("late")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer time.AfterFunc(time.Minute, func() { cancel(late) }).Stop()
	asked, waits, stored := make(chan struct{}, 1), false, 0
	o.Stop, o.CheckpointInterval, o.UnalignedAbove, o.Restarts = nil, 100*time.Millisecond, 1, -1
	o.objects = stuck{store, asked}
	o.OnEvent = func(e Event) {
		if _, ok := e.(CheckpointStored); !ok {
			return
		}
		select {
		case <-asked:
			waits = true
		default:
		}
		if !waits {
			return
		}
		if stored++; stored == 2 {
			cancel(enough)
		}
	}
	fn := func() ProcessFunc[int64, string] { return &foreseen{ledger{process: look}} } // no row begins without its state
	_, err := ledgers(1<<40, fn, gate, sink).Run(ctx, o)
	if context.Cause(ctx) != enough {
		t.Errorf("%d checkpoints in a minute in which rows wait: %v", stored, err)
	}
}

func TestBarriersOvertakeRowsThatWaitInAnOperatorAndNowhereElse(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		waiting(t, func(next int64) error {
			if next < 2000 {
				return nil
			}
			return errRests
		})
	})
}

func TestASourceThatWaitsForCreditDoesNotHoldABarrierBackThatMayOvertake(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		waiting(t, func(int64) error { <-time.After(time.Millisecond); return nil })
	})
}

func TestABoundOfQueuedBytesIsNotNegative(t *testing.T) {
	_, err := relayJob(1, nil, func() error { return nil }, 1, newCollected[int64]()).Run(t.Context(), RunOptions{UnalignedAbove: -1})
	wantError(t, err, "-1 queued bytes")
}
