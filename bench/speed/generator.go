package main

import (
	"context"
	"fmt"
	"io"

	"github.com/aquifer-stream/aquifer"
	source "github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/gcpace"
	"github.com/aquifer-stream/aquifer/nexmark"
)

// generatorMarks are the speed of the source of Nexmark, and what a query that does nothing adds to it.
func generatorMarks(ctx context.Context, o options, progress io.Writer) ([]mark, error) {
	alone, q0, err := pairs(ctx, o, progress, "generator", "q0")
	if err != nil {
		return nil, err
	}
	rate := median(alone, q0, func(a, _ sample) float64 { return 1e3 / a.CPUNS })
	added := median(alone, q0, func(a, b sample) float64 { return b.CPUNS - a.CPUNS })
	return []mark{
		atLeast("generator alone", rate, 8, "M events/s on one core", "every field of every event"),
		atMost("q0 beyond the generator", added, 150, "ns of CPU an event",
			"parallelism 1, the job's start and end included"),
	}, nil
}

// measureGenerator makes events and drops them.
func measureGenerator(o options) (sample, error) {
	defer gcpace.Start()() // as a job has it
	s := source.New(source.Config{Events: int64(o.events)})
	found, err := s.Discover(context.Background(), flow.Known{Parallelism: 1})
	if err != nil {
		return sample{}, err
	}
	r, err := s.Open(context.Background(), found.Splits[0])
	if err != nil {
		return sample{}, err
	}
	defer func() { _ = r.Close() }()
	b := flow.Batch[source.Event]{Rows: make([]source.Event, 0, 1024), Times: make([]int64, 0, 1024)}
	m := startMeter()
	for status := flow.More; status != flow.End; {
		b.Reset()
		if status, err = r.Read(context.Background(), &b); err != nil {
			return sample{}, err
		}
	}
	return m.stop(int64(o.events)), nil
}

// measureQ0 runs q0 as a job.
func measureQ0(o options) (sample, error) {
	q, err := nexmark.ByName("q0")
	if err != nil {
		return sample{}, err
	}
	job := aquifer.NewJob("q0")
	q.Build(job, source.Config{Events: int64(o.events)}, nexmark.NewOutput("discard"))
	m := startMeter()
	result, err := aquifer.RunUntilSignal(context.Background(), job, aquifer.RunOptions{Parallelism: 1}, io.Discard)
	if err == nil && result.RowsRead != int64(o.events) {
		err = fmt.Errorf("the job read %d of %d events", result.RowsRead, o.events)
	}
	return m.stop(int64(o.events)), err
}
