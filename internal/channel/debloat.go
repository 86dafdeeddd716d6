package channel

import (
	"sync/atomic"
	"time"
)

// debloater chooses how many rows the batches in a gate's channels may have, for what they hold together to be worked off
// in about the horizon: what a barrier waits for in front of a slow receiver is then a matter of time, not of how many
// channels there are. As Flink's buffer debloating (FLIP-183) it goes by what the receiver has taken while there was always
// more. The gate's mutex guards it, but for most.
type debloater struct {
	most   atomic.Int64 // rows of a batch
	queued int          // batches that the channels hold if all are full

	begun bool // there has always been something to take since
	since time.Time
	taken int // rows, since then
	full  int // batches with as many rows as they may have, since the receiver was last seen not to keep up
}

const (
	// debloatHorizon is how long the rows of full channels may take their receiver.
	debloatHorizon = time.Second
	// debloatWindow is how long rows are counted for.
	debloatWindow = 200 * time.Millisecond
	// firstRows is what a batch may have before anything is known: many, so as to be cheap, and few beside what fast
	// receivers get.
	firstRows = 128
	// mostRows is more than any batch is made for.
	mostRows = 1 << 20
)

func (d *debloater) start(queued int) {
	d.queued = max(1, queued)
	d.most.Store(firstRows)
}

// take notes that the receiver gets a batch of so many rows. Batches become larger at once, and smaller to an eighth at
// most: a receiver that has been stopped for a checkpoint is not a slow one.
func (d *debloater) take(rows int, now time.Time) {
	if most := d.most.Load(); int64(rows) >= most {
		if d.full++; d.full > 2*d.queued {
			d.set(2 * most)
		}
	}
	if !d.begun {
		d.begun, d.since, d.taken = true, now, rows
		return
	}
	if took := now.Sub(d.since); took >= debloatWindow {
		rate := float64(d.taken) / took.Seconds()
		d.set(max(d.most.Load()/8, int64(rate*debloatHorizon.Seconds()/float64(d.queued))))
		d.since, d.taken = now, 0
	}
	d.taken += rows
}

// empty notes that there is nothing to take: what is taken from now on says what comes, not what could be taken.
func (d *debloater) empty() { d.begun = false }

func (d *debloater) set(rows int64) {
	d.full = 0
	d.most.Store(min(mostRows, max(1, rows)))
}
