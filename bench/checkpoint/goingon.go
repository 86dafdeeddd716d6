package checkpoint

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
)

// parallelisms is how many there are for each size.
const parallelisms = 3

// restoresOf goes on with a job of a size.
func (b *bench) restoresOf(ctx context.Context, size int64) error {
	dir, err := os.MkdirTemp("", "aquifer-bench-checkpoint")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	debug.FreeOSMemory() // what the one before has left
	first, err := b.first(ctx, dir, keysOf(size))
	if err != nil {
		return err
	}
	for _, to := range [parallelisms]int{before, before / 2, 2 * before} {
		var all []RestoreRow
		for range b.o.Checkpoints {
			row, err := b.goOn(ctx, dir, keysOf(size), to, first.RatePerS)
			if err != nil {
				return err
			}
			all = append(all, row)
		}
		row := medianRestore(all)
		row.TableBytes, row.From, row.To, row.RatePerS = first.TableBytes, before, to, first.RatePerS
		b.r.Restore.Rows = append(b.r.Restore.Rows, row)
	}
	return nil
}

// first runs a job until its state is there and checkpoints have been taken.
func (b *bench) first(ctx context.Context, dir string, keys int64) (r RestoreRow, err error) {
	source := newSpread(keys, b.restoreRate())
	o := newObserver(source, b.o.Checkpoints)
	w := newWitness(nil)
	var begin, end time.Time // of what is counted
	var from, to int64
	result, err := w.job(source).Run(ctx, aquifer.RunOptions{
		State: dir, Parallelism: before, CheckpointInterval: b.o.Short, Restarts: -1, Stop: o.stop,
		OnEvent: func(e aquifer.Event) {
			if _, ok := e.(aquifer.CheckpointStored); ok && len(o.took) == 0 {
				begin, from = time.Now(), w.n.Load()
			} else if ok && len(o.took) < o.wanted {
				end, to = time.Now(), w.n.Load()
			}
			o.hear(e)
		},
	})
	if err == nil && len(o.took) < o.wanted {
		err = fmt.Errorf("the job ended after %d of %d checkpoints", len(o.took), o.wanted)
	}
	r.TableBytes, r.RatePerS = result.StateBytes, float64(b.restoreRate())
	if end.After(begin) {
		r.RatePerS = float64(to-from) / end.Sub(begin).Seconds()
	}
	return r, err
}

// goOn goes on from the checkpoint of the first run until the rate is as before, and leaves no other checkpoint. A job
// that does not get there has taken as long as it was waited for.
func (b *bench) goOn(ctx context.Context, dir string, keys int64, to int, rate float64) (r RestoreRow, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	debug.FreeOSMemory() // what the one before has left
	t := &tally{}
	var w *witness
	w = newWitness(func() {
		r.FirstS = time.Since(w.begin).Seconds()
		r.Requests, r.RecordReads = t.requests(), t.recordReads()
		r.CopiedObjects, r.CopiedBytes = t.objects.Load(), t.bytes.Load()
	})
	over := make(chan bool, 1)
	go func() {
		defer cancel()
		over <- w.await(ctx, nearly*rate, &r.FullS)
	}()
	_, err = w.job(newSpread(keys, b.restoreRate()).full()).Run(open.Through(ctx, t.wrap), aquifer.RunOptions{
		State: dir, Parallelism: to, CheckpointInterval: -1, Restarts: -1,
		OnEvent: func(e aquifer.Event) {
			if _, ok := e.(aquifer.Started); ok {
				r.StartedS = time.Since(w.begin).Seconds()
			}
		},
	})
	if cancel(); <-over {
		err = nil // it was cancelled
	}
	r.FullS = max(r.FullS, r.FirstS)
	return r, err
}

// medianRestore has the median of each time, and the most of what is counted.
func medianRestore(all []RestoreRow) (r RestoreRow) {
	var started, first, full []float64
	for _, x := range all {
		started = append(started, x.StartedS)
		first, full = append(first, x.FirstS), append(full, x.FullS)
		r.Requests, r.RecordReads = max(r.Requests, x.Requests), max(r.RecordReads, x.RecordReads)
		r.CopiedObjects, r.CopiedBytes = max(r.CopiedObjects, x.CopiedObjects), max(r.CopiedBytes, x.CopiedBytes)
	}
	r.StartedS, r.FirstS, r.FullS = measure.Median(started), measure.Median(first), measure.Median(full)
	return r
}
