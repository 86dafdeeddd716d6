package channel

import (
	"testing"
	"time"
)

func debloating(queued int) *debloater {
	d := &debloater{}
	d.start(queued)
	return d
}

// taken is a receiver that takes batches of so many rows at such a distance, from begin on, and always finds more.
func taken(d *debloater, begin time.Time, rows int, distance, during time.Duration) time.Time {
	for end := begin.Add(during); begin.Before(end); begin = begin.Add(distance) {
		d.take(rows, begin)
	}
	return begin
}

func TestBatchesFollowWhatTheirReceiverTakes(t *testing.T) {
	d, now := debloating(10), time.Unix(1000, 0)
	now = taken(d, now, 1, 10*time.Millisecond, 5*time.Second) // a hundred rows a second, in ten batches
	if got := d.most.Load(); got != 10 {
		t.Errorf("%d rows at a hundred a second, want 10", got)
	}
	now = taken(d, now, 50, 10*time.Millisecond, 500*time.Millisecond)
	if got := d.most.Load(); got != 500 {
		t.Errorf("%d rows at 5000 a second, want 500 within a window", got)
	}
	now = now.Add(3 * time.Second) // for a checkpoint, say
	if d.take(50, now); d.most.Load() != 500/8 {
		t.Errorf("%d rows after a stop, want an eighth", d.most.Load())
	}
	now = taken(d, now, 100_000, 10*time.Millisecond, time.Second)
	if got := d.most.Load(); got < 900_000 {
		t.Errorf("%d rows for ten million a second", got)
	}
	if taken(d, now, 0, time.Second, 20*time.Second); d.most.Load() != 1 {
		t.Errorf("%d rows where nothing is taken, want 1", d.most.Load())
	}
}

func TestWhatComesSlowlyDoesNotMakeBatchesSmall(t *testing.T) {
	d, now := debloating(1), time.Unix(1000, 0)
	for range 10 {
		d.take(1, now)
		d.empty()
		now = now.Add(time.Second)
	}
	if got := d.most.Load(); got != firstRows {
		t.Errorf("%d rows", got)
	}
}

func TestBatchesForAReceiverThatKeepsUpGrowWhileTheyAreFull(t *testing.T) {
	d, now := debloating(8), time.Unix(1000, 0)
	for range 1000 {
		d.take(int(d.most.Load())-1, now) // time sends them, not rows
		d.empty()
	}
	if got := d.most.Load(); got != firstRows {
		t.Errorf("%d rows, though batches are not full", got)
	}
	for range 100 {
		d.take(int(d.most.Load()), now)
		d.empty()
	}
	if got := d.most.Load(); got < 32*firstRows {
		t.Errorf("%d rows", got)
	}
}
