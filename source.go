package aquifer

import (
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// BadRecord is a piece of input that could not be decoded; see [flow.BadRecord].
type BadRecord = flow.BadRecord

// SourceOption says how a source is read.
type SourceOption[T any] func(*sourceSettings[T])

type sourceSettings[T any] struct {
	operator.SourceConfig[T]
	options []Option
	dead    *Side[BadRecord]
}

// EventTime takes a row's event time, in milliseconds since 1970 UTC, from the row. Rows may be up to
// outOfOrder behind the latest one seen in their split; what is further behind is late.
func EventTime[T any](time_ func(*T) int64, outOfOrder time.Duration) SourceOption[T] {
	return func(s *sourceSettings[T]) { s.Time, s.Delay = time_, outOfOrder.Milliseconds() }
}

// Monotonic takes a row's event time, in milliseconds since 1970 UTC, from the row. Within a split times
// never go back.
func Monotonic[T any](time_ func(*T) int64) SourceOption[T] { return EventTime(time_, 0) }

// IdleAfter says that a split without input for that long no longer holds back event time. Time during
// which the job itself could not take more does not count.
func IdleAfter[T any](d time.Duration) SourceOption[T] {
	return func(s *sourceSettings[T]) { s.IdleAfter = d }
}

// SkipBadRecords counts records that cannot be decoded, instead of failing the job.
func SkipBadRecords[T any]() SourceOption[T] {
	return func(s *sourceSettings[T]) { s.Bad = operator.SkipBad }
}

// DeadLetters sends records that cannot be decoded to a side output, instead of failing the job.
func DeadLetters[T any](to *Side[BadRecord]) SourceOption[T] {
	return func(s *sourceSettings[T]) { s.Bad, s.dead = operator.DivertBad, to }
}

// With applies operator options, such as Parallelism, to a source.
func With[T any](options ...Option) SourceOption[T] {
	return func(s *sourceSettings[T]) { s.options = append(s.options, options...) }
}

// From begins a stream. The name is the source's identity in checkpoints.
func From[T any](job *Job, name string, source flow.Source[T], options ...SourceOption[T]) Stream[T] {
	settings := sourceSettings[T]{SourceConfig: operator.SourceConfig[T]{Source: source}}
	for _, o := range options {
		o(&settings)
	}
	n := job.addNode("source", name, nil, settings.options)
	if settings.Delay < 0 || settings.IdleAfter < 0 {
		job.graph.Mistake(fmt.Errorf("source %q: the disorder, %d ms, and the time until a split is idle, %v, "+
			"must not be negative", n.Name, settings.Delay, settings.IdleAfter))
	}
	n.Outputs = []operator.RowType{operator.RowTypeOf[T]()}
	if settings.dead != nil {
		settings.dead.attach(job, n)
	}
	if source == nil {
		job.graph.Mistake(fmt.Errorf("source %q is nil", n.Name))
		return output[T](job, n, 0)
	}
	n.Source = &plan.Source{Discover: source.Discover}
	if nr, ok := source.(flow.NotReplayable); ok {
		n.Source.NotReplayable = nr.NotReplayable()
	}
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		var dead operator.Receiver[BadRecord]
		if settings.dead != nil {
			dead = operator.As[BadRecord](out[1])
		}
		return operator.NewSource(env, operator.As[T](out[0]), dead, settings.SourceConfig), nil
	}
	return output[T](job, n, 0)
}
