package aquifer

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/state"
)

// Context is the record or timer being processed; see [flow.Context].
type Context = flow.Context

// Timer is what OnTimer is called for; see [flow.Timer].
type Timer = flow.Timer

// Key returns the key of the record or timer being processed. K must be the type of the stream's key.
func Key[K comparable](ctx *Context) K { return flow.Key[K](ctx) }

// ProcessFunc is a function over a keyed stream with state of its own. Each subtask has one, used by one
// goroutine at a time; records of one key come in order.
//
// A ProcessFunc may also implement [TimerFunc], and Close() error, which is called when the subtask ends.
type ProcessFunc[In, Out any] interface {
	// Open declares the function's state. It is called once before the first record, and once on an
	// instance that only serves to plan the job: it must do nothing else that matters.
	Open(scope *state.Scope) error
	// Process is called for each record. An error fails the task, which goes back to its last checkpoint.
	Process(ctx *Context, in *In, out Collector[Out]) error
}

// TimerFunc is implemented by a ProcessFunc that registers timers.
type TimerFunc[Out any] interface {
	// OnTimer is called when a timer fires; ctx holds its key and time.
	OnTimer(ctx *Context, timer Timer, out Collector[Out]) error
}

// Process applies a function with state to a keyed stream. newFunc is called once for each subtask, and
// once to plan the job. The name is the identity of the function's state in checkpoints.
func Process[K comparable, In, Out any](
	s KeyedStream[K, In], name string, newFunc func() ProcessFunc[In, Out], options ...Option,
) Stream[Out] {
	plain := func() operator.ProcessFunc[In, Out] { return newFunc() }
	n := s.job.addNode("process", name, s.edges(operator.Hash, s.hasher), options)
	n.Input, n.Outputs = operator.RowTypeOf[In](), []operator.RowType{operator.RowTypeOf[Out]()}
	n.Keyed = operator.PlanProcess[K](n.Name, plain)
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		return operator.NewProcess(env, operator.As[Out](out[0]), s.key, newFunc())
	}
	return output[Out](s.job, n, 0)
}

// UnkeyedFunc is a function over a stream without keys. Each subtask has one, used by one goroutine at a time.
// It has no keyed state and no timers; what it keeps in fields of its own is not part of checkpoints. It may also
// implement Open(context.Context) error and Close() error, for a connection of its own, say.
type UnkeyedFunc[In, Out any] interface {
	// Process is called for each record. An error fails the task, which goes back to its last checkpoint.
	Process(ctx *Context, in *In, out Collector[Out]) error
}

// ProcessUnkeyed applies a function to a stream without keys. newFunc is called once for each subtask.
func ProcessUnkeyed[In, Out any](
	s Stream[In], name string, newFunc func() UnkeyedFunc[In, Out], options ...Option,
) Stream[Out] {
	n := s.job.addNode("process", name, s.edges(operator.Forward, nil), options)
	n.Input, n.Outputs = operator.RowTypeOf[In](), []operator.RowType{operator.RowTypeOf[Out]()}
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		return operator.NewUnkeyed(env, operator.As[Out](out[0]), newFunc()), nil
	}
	return output[Out](s.job, n, 0)
}
