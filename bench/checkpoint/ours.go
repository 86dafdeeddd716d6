package checkpoint

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/metric"
	queries "github.com/aquifer-stream/aquifer/nexmark"
)

// read is how many events a job has read.
func read(samples []aquifer.Sample) int64 {
	return int64(metric.Sum(samples, metric.RowsOut, metric.Label{Name: "operator", Value: "events"}))
}

// queryOf is a job with the query.
func queryOf(config nexmark.Config) (*aquifer.Job, error) {
	q, err := queries.ByName(besideQuery)
	if err != nil {
		return nil, err
	}
	job := aquifer.NewJob("bench-beside")
	q.Build(job, config, queries.NewOutput("discard"))
	return job, nil
}

// ours measures this engine in a directory, with so many events a second.
func (b *bench) ours(ctx context.Context, dir string, events int64, rate float64) (row BesideRow, err error) {
	const perS = 100_000 // of event time
	config := nexmark.Config{Events: events + afterwards, Rate: perS, Pace: true, Speed: rate / perS}
	job, err := queryOf(config)
	if err != nil {
		return row, err
	}
	stop := make(chan struct{})
	enough := sync.OnceFunc(func() { close(stop) })
	var took []time.Duration
	begin := time.Now()
	first := filepath.Join(dir, "first")
	result, err := job.Run(ctx, aquifer.RunOptions{
		State: first, Parallelism: before, CheckpointInterval: b.o.Short, Restarts: -1, Stop: stop,
		OnEvent: func(e aquifer.Event) {
			switch e := e.(type) {
			case aquifer.CheckpointStored:
				took = append(took, e.Duration)
			case aquifer.Progress:
				if read(e.Metrics) >= events-int64(rate/2) { // it takes a while to hear of it
					enough()
				}
			}
		},
	})
	if err != nil {
		return row, err
	}
	row = BesideRow{
		Engine: ownEngine, Events: read(result.Metrics), CheckpointS: measure.Median(took).Seconds(), StateBytes: result.StateBytes,
	}
	row.EventsPerS = float64(row.Events) / time.Since(begin).Seconds()
	config.Pace = false
	for _, to := range [parallelisms]int{before, before / 2, 2 * before} {
		back, err := ourBack(ctx, first, filepath.Join(dir, fmt.Sprint(to)), config, to)
		if err != nil {
			return row, err
		}
		row.Back = append(row.Back, back)
	}
	return row, nil
}

// ourBack goes on with a copy of a job's state.
func ourBack(ctx context.Context, from, dir string, config nexmark.Config, to int) (back Back, err error) {
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		return back, err
	}
	job, err := queryOf(config)
	if err != nil {
		return back, err
	}
	begin := time.Now()
	result, err := job.Run(ctx, aquifer.RunOptions{State: dir, Parallelism: to, CheckpointInterval: time.Second, Restarts: -1})
	return Back{From: before, To: to, Seconds: time.Since(begin).Seconds(), Left: read(result.Metrics)}, err
}
