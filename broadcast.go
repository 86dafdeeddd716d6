package aquifer

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/state"
)

// BroadcastContext is the record of a broadcast stream being processed; see [flow.BroadcastContext].
type BroadcastContext = flow.BroadcastContext

// BroadcastStream is a stream whose rows all come to every subtask of a function, see [ProcessBroadcast].
type BroadcastStream[T any] struct{ stream Stream[T] }

// Broadcast has every subtask of a function get all rows of a stream: rules, say, or settings.
func Broadcast[T any](s Stream[T]) BroadcastStream[T] { return BroadcastStream[T]{s} }

// beside adds the edges of the stream to those of a function's other input.
func (s BroadcastStream[T]) beside(inputs []plan.Edge) []plan.Edge {
	for _, e := range s.stream.edges(operator.Broadcast, nil) {
		e.Side = operator.Right
		inputs = append(inputs, e)
	}
	return inputs
}

// BroadcastFunc is a [ProcessFunc] that also gets the rows of a broadcast stream. What they change is broadcast state
// ([state.NewBroadcast]), which all records may read.
//
// The rows of the broadcast stream come between the records of keys: when those before have been processed, and before
// those behind (with [RelaxedWatermarks] and [FirstAccessOrder] some of these may have been). They come in the same order
// to all subtasks if one subtask sends them. Event time is the least of both streams: a broadcast stream that is silent
// holds it back, unless its source is idle.
type BroadcastFunc[In, B, Out any] interface {
	ProcessFunc[In, Out]
	// ProcessBroadcast is called for each row of the broadcast stream, in every subtask. It should change broadcast
	// state by nothing but the row and that state: a restore gives all subtasks the state of one. An error fails the
	// task, which goes back to its last checkpoint.
	ProcessBroadcast(ctx *BroadcastContext, in *B, out Collector[Out]) error
}

// UnkeyedBroadcastFunc is an [UnkeyedFunc] that also gets the rows of a broadcast stream. What they change is broadcast
// state, the only state that it may declare, which all records may read. Records of the two streams come in no
// particular order; what [BroadcastFunc] says of order and event time of the broadcast stream holds.
//
// It may also implement Close() error, which is called when the subtask ends.
type UnkeyedBroadcastFunc[In, B, Out any] interface {
	UnkeyedFunc[In, Out]
	// Open declares the function's broadcast state, as that of a ProcessFunc.
	Open(scope *state.Scope) error
	// ProcessBroadcast is that of a BroadcastFunc.
	ProcessBroadcast(ctx *BroadcastContext, in *B, out Collector[Out]) error
}

// ProcessBroadcast applies a function with state to a keyed stream and to a broadcast stream. newFunc is called once for
// each subtask, and once to plan the job. The name is the identity of the function's state in checkpoints.
func ProcessBroadcast[K comparable, In, B, Out any](
	s KeyedStream[K, In], all BroadcastStream[B], name string, newFunc func() BroadcastFunc[In, B, Out],
	options ...Option,
) Stream[Out] {
	plain := func() operator.BroadcastFunc[In, B, Out] { return newFunc() }
	n := s.job.addNode("process-broadcast", name, all.beside(s.edges(operator.Hash, s.hasher)), options)
	functionOutputs[Out](s.job, n)
	n.Keyed = operator.PlanBroadcast[K](n.Name, plain)
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		connectSides(n, env, out)
		return operator.NewProcessBroadcast(env, operator.As[Out](out[0]), s.key, newFunc())
	}
	return output[Out](s.job, n, 0)
}

// ProcessUnkeyedBroadcast applies a function to a stream without keys and to a broadcast stream. newFunc is called once
// for each subtask, and once to plan the job. The name is the identity of the function's state in checkpoints.
func ProcessUnkeyedBroadcast[In, B, Out any](
	s Stream[In], all BroadcastStream[B], name string, newFunc func() UnkeyedBroadcastFunc[In, B, Out], options ...Option,
) Stream[Out] {
	plain := func() operator.UnkeyedBroadcastFunc[In, B, Out] { return newFunc() }
	n := s.job.addNode("process-broadcast", name, all.beside(s.edges(operator.Forward, nil)), options)
	functionOutputs[Out](s.job, n)
	n.Keyed = operator.PlanUnkeyedBroadcast(n.Name, plain)
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		connectSides(n, env, out)
		return operator.NewUnkeyedBroadcast(env, operator.As[Out](out[0]), plain())
	}
	return output[Out](s.job, n, 0)
}
