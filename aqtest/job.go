package aqtest

import (
	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
)

// Job is a job under test: one of its lives, which a function describes.
type Job struct {
	*aquifer.Job
	gate *gate
}

// From begins a stream with the steps of a script, in their order. The name is the source's identity in checkpoints. What
// follows a watermark is processed after it.
func From[T any](job *Job, name string, steps ...Step[T]) aquifer.Stream[T] {
	all := aquifer.From(job.Job, name, flow.Source[moved[T]](script[T]{steps, job.gate}),
		aquifer.Monotonic(func(m *moved[T]) int64 { return m.watermark }))
	return aquifer.FlatMap(all, func(m *moved[T], out aquifer.Collector[T]) error {
		if m.row != nil {
			out.EmitAt(*m.row, m.time)
		}
		return nil
	}, aquifer.Name(name+" rows"))
}
