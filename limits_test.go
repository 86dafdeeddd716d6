package aquifer

import (
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func TestAJobThatIsGivenLessMemoryGoesOnWithLess(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const before, end = 20_000, 22_000
		var limits Limits
		var atMost, last int64 // the bytes of hot tables
		stops := 0
		slow := func(next int64) error {
			if next == before {
				limits.SetMemory(1)
			}
			if next >= before {
				<-time.After(time.Second)
			}
			return nil
		}
		sink := newCollected[string]()
		mustRun(t, large("process", end, slow, sink), RunOptions{
			Parallelism: 2, MaxParallelism: 8, Memory: 64 << 20, Limits: &limits, objects: mem.New(),
			OnEvent: func(e Event) {
				switch e := e.(type) {
				case CheckpointStored:
					if e.Reason == "stop" {
						stops++
					}
				case Progress:
					last, atMost = e.StateBytes, max(atMost, e.StateBytes)
				}
			},
		})
		if rows := sorted(sink.rows()); len(rows) != end || len(slices.Compact(rows)) != end {
			t.Errorf("%d rows, want %d", len(rows), end)
		}
		if stops != 1 || last > atMost/2 {
			t.Errorf("%d stops; tables had %d bytes, and %d at the end", stops, atMost, last)
		}
	})
}

func TestTheBoundOnMemoryIsToldAsItIs(t *testing.T) {
	var limits Limits
	gate := func(next int64) error {
		if next == 1000 {
			limits.SetMemory(1 << 30)
		}
		return nil
	}
	r := mustRun(t, large("process", 2000, gate, newCollected[string]()), RunOptions{
		Parallelism: 1, Memory: 512 << 20, Limits: &limits, objects: mem.New(),
	})
	if told := metric.Sum(r.Metrics, metric.MemoryLimit); told != 1<<30 {
		t.Errorf("%g", told)
	}
}
