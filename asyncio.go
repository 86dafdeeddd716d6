package aquifer

import (
	"context"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/internal/operator"
)

// AsyncFunc is a function that waits for an outside service. Each subtask has one, and calls it for many rows at once,
// on goroutines of their own. It may also implement [AsyncTimeoutFunc], and Open(context.Context) error and Close()
// error, for a connection of its own, say. Close is called when all calls have returned.
//
// No checkpoint waits for the service, but for savepoints and the last one of a run: it contains the rows whose
// results have not left, and these are called again when the job goes on from it. So the service may be called more
// than once for a row, also when no call has failed; in the stream each row has its results once.
type AsyncFunc[In, Out any] interface {
	// Call returns the rows that a row becomes, which have its event time. It must return soon after ctx has ended:
	// when the time for the row is over, or the task must stop. The row is to be read until Call returns, and what is
	// returned belongs to Aquifer from then on. An error that is not worth another attempt, see [AsyncRetry], or a
	// panic, fails the task, which goes back to its last checkpoint. It is called by many goroutines at once.
	Call(ctx context.Context, in *In) ([]Out, error)
}

// AsyncTimeoutFunc is implemented by an AsyncFunc that goes on without the service when it takes too long, see
// [AsyncTimeout]. Otherwise that fails the task.
type AsyncTimeoutFunc[In, Out any] interface {
	// OnTimeout returns what the row becomes instead. It is called on the row's goroutine, when its call has returned
	// with an error; ctx ends when the task must stop.
	OnTimeout(ctx context.Context, in *In) ([]Out, error)
}

// Retry says how a call that has failed is made again; see [AsyncRetry].
type Retry = operator.Retry

// AsyncOption changes how an outside service is called.
type AsyncOption func(*asyncSettings)

type asyncSettings struct {
	operator.AsyncConfig
	options []Option
}

// AsyncCapacity bounds how many rows each subtask may have begun whose results have not left, and so the calls that are
// under way at once; 100 without the option. What comes beyond that waits, and holds up what feeds it.
func AsyncCapacity(rows int) AsyncOption {
	return func(s *asyncSettings) { s.Capacity = rows }
}

// AsyncTimeout bounds the time for a row, with all attempts and the waits between them. A row without a result by then
// fails the task, or becomes what the function's OnTimeout returns. Without the option, or with 0, there is no bound.
func AsyncTimeout(d time.Duration) AsyncOption {
	return func(s *asyncSettings) { s.Timeout = d }
}

// AsyncRetry makes calls again that have failed. Without the option an error fails the task. A panic always does.
func AsyncRetry(r Retry) AsyncOption {
	return func(s *asyncSettings) { s.Retry = r }
}

// AsyncUnordered lets results leave as soon as they are there, so that a slow call holds up no others. Rows still do
// not overtake watermarks, nor watermarks rows. Without the option results leave in the order in which their rows
// came.
func AsyncUnordered() AsyncOption {
	return func(s *asyncSettings) { s.Unordered = true }
}

// WithAsync passes on options that operators of all kinds have.
func WithAsync(options ...Option) AsyncOption {
	return func(s *asyncSettings) { s.options = append(s.options, options...) }
}

const asyncCapacity = 100

// Async calls a function for each row of a stream that waits for an outside service, as [ProcessAsync] does with the
// Call of an [AsyncFunc]. The name is the identity of the rows in flight in checkpoints.
func Async[In, Out any](
	s Stream[In], name string, call func(ctx context.Context, in *In) ([]Out, error), options ...AsyncOption,
) Stream[Out] {
	return ProcessAsync(s, name, func() AsyncFunc[In, Out] { return asyncCall[In, Out](call) }, options...)
}

// asyncCall makes an AsyncFunc of a function.
type asyncCall[In, Out any] func(ctx context.Context, in *In) ([]Out, error)

func (f asyncCall[In, Out]) Call(ctx context.Context, in *In) ([]Out, error) { return f(ctx, in) }

// ProcessAsync calls a function for each row of a stream that waits for an outside service. newFunc is called once for
// each subtask. The name is the identity of the rows in flight in checkpoints: their type must be one that can be kept
// in state.
func ProcessAsync[In, Out any](
	s Stream[In], name string, newFunc func() AsyncFunc[In, Out], options ...AsyncOption,
) Stream[Out] {
	settings := asyncSettings{AsyncConfig: operator.AsyncConfig{Capacity: asyncCapacity}}
	for _, o := range options {
		o(&settings)
	}
	n := s.job.addNode("async", name, s.edges(operator.Forward, nil), settings.options)
	if err := settings.Validate(); err != nil {
		s.job.graph.Mistake(fmt.Errorf("operator %q: %w", n.Name, err))
	}
	n.Outputs = []operator.RowType{operator.RowTypeOf[Out]()}
	n.Flies = true
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		return operator.NewAsync(env, operator.As[Out](out[0]), settings.AsyncConfig, newFunc()), nil
	}
	return output[Out](s.job, n, 0)
}
