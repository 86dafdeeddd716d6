package aquifer

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/state"
)

// Context is the record or timer being processed; see [flow.Context].
type Context = flow.Context

// Timer is what OnTimer is called for; see [flow.Timer].
type Timer = flow.Timer

// Prefetch is a record that will be processed soon; see [flow.Prefetch].
type Prefetch = flow.Prefetch

// Key returns the key of the record or timer being processed, or of the record that will be. K must be the type of
// the stream's key.
func Key[K comparable](ctx flow.Keyed) K { return flow.Key[K](ctx) }

// ProcessFunc is a function over a keyed stream with state of its own. Each subtask has one, used by one
// goroutine at a time; records of one key come in order.
//
// A record whose state has to be read is put aside meanwhile, and the function is called for records of other keys:
// before a call has begun, and also in the middle of it, wherever it uses state. So a function must not hold a lock, nor
// wait for another call of it, across a use of state; and state is used on the goroutine of the call alone.
//
// A ProcessFunc may also implement [PrefetchFunc], [TimerFunc], and Close() error, which is called when the subtask ends.
type ProcessFunc[In, Out any] interface {
	// Open declares the function's state. It is called once before the first record, and once on an
	// instance that only serves to plan the job: it must do nothing else that matters.
	Open(scope *state.Scope) error
	// Process is called for each record. An error fails the task, which goes back to its last checkpoint, unless
	// [flow.ConfigErrorf] says that this cannot help.
	Process(ctx *Context, in *In, out Collector[Out]) error
}

// PrefetchFunc is implemented by a ProcessFunc that knows beforehand what state a record will use besides the values of
// its key, which always come with it. What it names is read for many records at once, before they are processed; a
// record that finds its state in memory does not have to be put aside in the middle of its call.
type PrefetchFunc[In any] interface {
	// Prefetch names what Process will use for the record, by the Prefetch methods of package state. It is called on
	// the goroutine that Process is called on, once at most for each record, before Process and before the records
	// ahead of it have been processed; not when all state is in memory, nor for timers. So it must decide by the record,
	// its key and its time, and by what the function was made with; it has no state to read, and must change nothing.
	// If it names too little, the rest is read when it is used; if too much, that is read for nothing: results do
	// not depend on it. Of more than [flow.MaxReads] things for a record the first are read. An error, or a panic, fails
	// the task as one of Process does. ctx and in are for the call only.
	Prefetch(ctx *Prefetch, in *In) error
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
	out, _ := addProcess(s, "process", name, nil, newFunc, options)
	return out
}

// addProcess adds an operator with a function over a keyed stream. sides are the function's own side outputs, before
// those of the options.
func addProcess[K comparable, In, Out any](
	s KeyedStream[K, In], kind, name string, sides []any, newFunc func() ProcessFunc[In, Out],
	options []Option,
) (Stream[Out], *plan.Node) {
	n := s.job.addNode(kind, name, s.edges(operator.Hash, s.hasher), options)
	n.Sides = append(sides, n.Sides...)
	functionOutputs[Out](s.job, n)
	n.Keyed = operator.PlanProcess[K](n.Name, func() operator.ProcessFunc[In, Out] { return newFunc() })
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		connectSides(n, env, out)
		return operator.NewProcess(env, operator.As[Out](out[0]), s.key, newFunc())
	}
	return output[Out](s.job, n, 0), n
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
	functionOutputs[Out](s.job, n)
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		connectSides(n, env, out)
		return operator.NewUnkeyed(env, operator.As[Out](out[0]), newFunc()), nil
	}
	return output[Out](s.job, n, 0)
}
