package state

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/state"
)

// counts are how often each key has come, as state of a job.
type counts struct {
	n     state.Value[int64]
	watch *watch
}

func (c *counts) Open(s *state.Scope) (err error) {
	c.n, err = state.NewValue[int64](s, "n")
	return err
}

func (c *counts) Process(ctx *aquifer.Context, _ *int64, _ aquifer.Collector[int64]) error {
	n, _, err := c.n.Get(ctx)
	if err != nil {
		return err
	}
	err = c.n.Set(ctx, n+1)
	c.watch.counted()
	return err
}

// watch notes when a number of records have been counted. It belongs to the job's only subtask, but for at and the
// result, which is read when the job rests.
type watch struct {
	n    int64
	at   atomic.Int64
	stop measure.Meter
}

func (w *watch) counted() {
	if w.n++; w.n == w.at.Load() {
		w.stop = measure.Start()
	}
}

// jobOf is the job that counts the keys of a source.
func jobOf(s *steps, w *watch) *aquifer.Job {
	job := aquifer.NewJob("bench-state")
	keys := aquifer.KeyBy(aquifer.From(job, "keys", s), func(k *int64) int64 { return *k })
	counted := aquifer.Process(keys, "count", func() aquifer.ProcessFunc[int64, int64] { return &counts{watch: w} })
	aquifer.To(counted, "out", discard.New[int64]())
	return job
}

// runJob runs the job in a directory and calls rest each time when it has counted all that the source may give, with
// the metrics of that moment, until rest says that this is all.
func runJob(
	ctx context.Context, place string, o aquifer.RunOptions, s *steps, w *watch,
	rest func([]aquifer.Sample) (over bool),
) (aquifer.Result, error) {
	stop, over := make(chan struct{}), false
	o.State, o.Parallelism, o.Restarts, o.Stop = place, 1, -1, stop
	o.OnEvent = func(e aquifer.Event) {
		p, ok := e.(aquifer.Progress)
		if !ok || over || !rests(p.Metrics, s.allowed()) {
			return
		}
		if over = rest(p.Metrics); over {
			close(stop)
		}
	}
	result, err := jobOf(s, w).Run(ctx, o)
	if err == nil && !over {
		err = fmt.Errorf("the job ended before all keys were counted")
	}
	return result, err
}

// rests reports whether all keys that may come have been looked up, and none waits for its state.
func rests(m []aquifer.Sample, allowed int64) bool {
	return int64(metric.Sum(m, metric.StateLookups)) == allowed && metric.Sum(m, metric.RowsInFlight) == 0
}

// load counts each key once and returns the bytes that the state takes in memory, and in tables.
func load(ctx context.Context, place string, keys int64) (inMemory, inTables int64, err error) {
	rest := func(samples []aquifer.Sample) bool {
		inMemory = int64(metric.Sum(samples, metric.StateMemory))
		return true
	}
	o := aquifer.RunOptions{CheckpointInterval: -1}
	result, err := runJob(ctx, place, o, newSteps(each(), keys), &watch{}, rest)
	return inMemory, result.StateBytes, err
}
