package aquifer

import (
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/state"
)

// ConnectedStreams are two keyed streams whose rows one function processes, see [CoProcess].
type ConnectedStreams[K comparable, L, R any] struct {
	left  KeyedStream[K, L]
	right KeyedStream[K, R]
}

// Connect pairs two streams with keys of the same type. A row of one finds what rows of the other with the same key have
// left behind.
func Connect[K comparable, L, R any](left KeyedStream[K, L], right KeyedStream[K, R]) ConnectedStreams[K, L, R] {
	return ConnectedStreams[K, L, R]{left, right}
}

// edges are those of both streams, as inputs of an operator.
func (c ConnectedStreams[K, L, R]) edges() []plan.Edge {
	all := c.left.edges(operator.Hash, c.left.hasher)
	for _, e := range c.right.edges(operator.Hash, c.right.hasher) {
		e.Side = operator.Right
		all = append(all, e)
	}
	return all
}

// CoProcessFunc is a function over two keyed streams, with state that rows of both share. Each subtask has one, and what
// [ProcessFunc] says holds for it: one goroutine at a time, the rows of one key of one stream in order, state on the
// goroutine of the call alone. Rows of different streams come in no particular order; event time is the least of both.
//
// A CoProcessFunc may also implement [CoPrefetchFunc], [TimerFunc], and Close() error.
type CoProcessFunc[L, R, Out any] interface {
	// Open declares the function's state, as that of a ProcessFunc.
	Open(scope *state.Scope) error
	// ProcessLeft is called for each record of the first stream, as Process of a ProcessFunc. An error fails the task, which
	// goes back to its last checkpoint.
	ProcessLeft(ctx *Context, in *L, out Collector[Out]) error
	// ProcessRight is ProcessLeft for each record of the second stream.
	ProcessRight(ctx *Context, in *R, out Collector[Out]) error
}

// CoPrefetchFunc is implemented by a CoProcessFunc that knows beforehand what state a record will use besides the values
// of its key: it is what [PrefetchFunc] is to a ProcessFunc, for each of the streams.
type CoPrefetchFunc[L, R any] interface {
	// PrefetchLeft says what a record of the first stream will use, as Prefetch of a PrefetchFunc: on the goroutine of the
	// task, before the record is processed. ctx and in are valid during the call. An error fails the task.
	PrefetchLeft(ctx *Prefetch, in *L) error
	// PrefetchRight is PrefetchLeft for a record of the second stream.
	PrefetchRight(ctx *Prefetch, in *R) error
}

// CoProcess applies a function with state to two keyed streams. newFunc is called once for each subtask, and
// once to plan the job. The name is the identity of the function's state in checkpoints.
func CoProcess[K comparable, L, R, Out any](
	c ConnectedStreams[K, L, R], name string, newFunc func() CoProcessFunc[L, R, Out], options ...Option,
) Stream[Out] {
	out, _ := addCoProcess(c, "co-process", name, newFunc, options)
	return out
}

// addCoProcess is what addProcess is for one stream.
func addCoProcess[K comparable, L, R, Out any](
	c ConnectedStreams[K, L, R], kind, name string, newFunc func() CoProcessFunc[L, R, Out], options []Option,
) (Stream[Out], *plan.Node) {
	n := c.left.job.addNode(kind, name, c.edges(), options)
	functionOutputs[Out](c.left.job, n)
	n.Keyed = operator.PlanCoProcess[K](n.Name, func() operator.CoProcessFunc[L, R, Out] { return newFunc() })
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		connectSides(n, env, out)
		return operator.NewCoProcess(env, operator.As[Out](out[0]), c.left.key, c.right.key, newFunc())
	}
	return output[Out](c.left.job, n, 0), n
}
