package checkpoint

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/state"
)

// witness sees the records of a run.
type witness struct {
	begin time.Time
	known func() // called once, when the first record has found state
	n     atomic.Int64
	ticks [int(patience/tick) + 1]atomic.Int64 // records processed in each tick of the run
}

const (
	// nearly is how much of the rate before is full speed.
	nearly = 0.9
	// patience is for how long full speed is waited for.
	patience = 30 * time.Second

	tick   = 10 * time.Millisecond
	window = int(500 * time.Millisecond / tick)
)

func newWitness(known func()) *witness {
	w := &witness{begin: time.Now(), known: func() {}}
	if known != nil {
		w.known = sync.OnceFunc(known)
	}
	return w
}

// saw counts a record.
func (w *witness) saw(found bool) {
	w.n.Add(1)
	at := int(time.Since(w.begin) / tick)
	w.ticks[min(at, len(w.ticks)-1)].Add(1)
	if found {
		w.known()
	}
}

// fullSpeed returns when the first window begins with at least so many records a second, in seconds.
func (w *witness) fullSpeed(least float64) (seconds float64, ok bool) {
	var sum int64
	for i := range min(int(time.Since(w.begin)/tick), len(w.ticks)-1) {
		sum += w.ticks[i].Load()
		if i >= window {
			sum -= w.ticks[i-window].Load()
		}
		if i >= window-1 && float64(sum) >= least*float64(window)*tick.Seconds() {
			return float64(i+1-window) * tick.Seconds(), true
		}
	}
	return 0, false
}

// await waits for full speed, and reports whether there is an answer: without one in time, the time that has passed.
func (w *witness) await(ctx context.Context, least float64, seconds *float64) bool {
	ticker := time.NewTicker(5 * tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case now := <-ticker.C:
			if s, ok := w.fullSpeed(least); ok {
				*seconds = s
				return true
			} else if late := now.Sub(w.begin); late > patience {
				*seconds = late.Seconds()
				return true
			}
		}
	}
}

// job counts the keys of a source, which the witness sees.
func (w *witness) job(source *paced) *aquifer.Job {
	job := aquifer.NewJob("bench-restore")
	keys := aquifer.KeyBy(aquifer.From(job, "keys", source), func(k *int64) int64 { return *k })
	counted := aquifer.Process(keys, "count", func() aquifer.ProcessFunc[int64, int64] { return &witnessed{w: w} })
	aquifer.To(counted, "out", discard.New[int64]())
	return job
}

// witnessed counts how often each key has come.
type witnessed struct {
	n state.Value[int64]
	w *witness
}

// Open implements aquifer.ProcessFunc.
func (c *witnessed) Open(s *state.Scope) (err error) {
	c.n, err = state.NewValue[int64](s, "n")
	return err
}

// Process implements aquifer.ProcessFunc.
func (c *witnessed) Process(ctx *aquifer.Context, _ *int64, _ aquifer.Collector[int64]) error {
	n, found, err := c.n.Get(ctx)
	if err != nil {
		return err
	}
	c.w.saw(found)
	return c.n.Set(ctx, n+1)
}
