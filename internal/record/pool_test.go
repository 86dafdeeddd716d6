package record

import (
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

func TestPoolGivesEmptyBatchesWithRoom(t *testing.T) {
	p := NewPool[string]()
	for _, capacity := range []int{0, 1, 100, DefaultBatch, 3 * DefaultBatch, 10} {
		b := p.Get(capacity)
		if b.Len() != 0 || len(b.Times)+len(b.Hashes)+len(b.Bad) != 0 {
			t.Fatalf("the batch is not empty: %+v", b)
		}
		if cap(b.Rows) < capacity || cap(b.Times) < capacity {
			t.Fatalf("room for %d rows and %d times, want %d", cap(b.Rows), cap(b.Times), capacity)
		}
		b.Append("row", 1)
		b.Hashes = append(b.Hashes, 1)
		b.Bad = append(b.Bad, flow.BadRecord{Line: 1})
		p.Put(b)
	}
}

func TestPooledBatchesHoldNothingThatCouldBeFreed(t *testing.T) {
	p := NewPool[string]()
	b := p.Get(4)
	b.Append("row", 1)
	b.Bad = append(b.Bad, flow.BadRecord{Raw: []byte("x")})
	p.Put(b)
	if row, bad := b.Rows[:1][0], b.Bad[:1][0]; row != "" || bad.Raw != nil {
		t.Errorf("the batch put back holds %q and %+v", row, bad)
	}
}

func TestNewRowsOfUsedBatchesAreZero(t *testing.T) {
	p := NewPool[eventRow]()
	for range 3 {
		b := p.Get(4)
		if row := b.Next(1); *row != (eventRow{}) {
			t.Fatalf("a new row is %+v", *row)
		}
		b.Rows[0] = eventRow{A: 1, K: 1}
		p.Put(b)
	}
}

func TestPoolDropsBatchesThatGrewTooLarge(t *testing.T) {
	p := NewPool[int64]()
	b := p.Get(maxPooled + 1)
	p.Put(b)
	if got := p.Get(0); got == b {
		t.Errorf("a batch of %d rows was kept", cap(b.Rows))
	}
}

func TestPoolIsSafeForConcurrentUse(t *testing.T) {
	p := NewPool[int64]()
	var wg sync.WaitGroup
	for worker := range int64(4) {
		wg.Go(func() {
			for range 200 {
				b := p.Get(8)
				b.Append(worker, 0)
				if b.Len() != 1 || b.Rows[0] != worker {
					t.Errorf("worker %d sees rows %v", worker, b.Rows)
				}
				p.Put(b)
			}
		})
	}
	wg.Wait()
}

func TestSmallBatchesAreKeptByThemselves(t *testing.T) {
	p := NewPool[int64]()
	for range 100 {
		p.Put(p.Get(DefaultBatch))
		b := p.Get(DefaultBatch / 8)
		if cap(b.Rows) >= DefaultBatch {
			t.Fatalf("a batch for %d rows has room for %d", DefaultBatch/8, cap(b.Rows))
		}
		p.Put(b)
	}
}
