package aquifer

import (
	"fmt"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// Side is a second output of an operator, for rows that do not belong in the main one: late rows, records that cannot
// be decoded, or what a function emits to it, see [SideOutput].
type Side[T any] struct {
	name   string
	stream Stream[T]
}

// NewSide returns a side output to be named when an operator is added. The name is for messages.
func NewSide[T any](name string) *Side[T] { return &Side[T]{name: name} }

// attach makes the side an output of the node.
func (s *Side[T]) attach(job *Job, n *plan.Node) {
	if s.stream.job != nil {
		job.graph.Mistake(plan.SideUsedTwice(s.name))
		return
	}
	n.Outputs = append(n.Outputs, operator.RowTypeOf[T]())
	s.stream = output[T](job, n, len(n.Outputs)-1)
}

// Stream returns the rows of the side output, once an operator that fills it has been added.
func (s *Side[T]) Stream() Stream[T] { return s.stream }

// SideOutput lets the function of an operator emit rows to a side output with its Emit. An operator may have several;
// a restore that finds rows of unaligned checkpoints on their way knows them by their order.
func SideOutput[T any](side *Side[T]) Option {
	return func(n *plan.Node) { n.Sides = append(n.Sides, side) }
}

// Emit sends a row to the side output, with the event time of the record or timer that ctx stands for. It may be
// called where the function may use its Collector: in calls of Process, ProcessLeft, ProcessRight, ProcessBroadcast
// and OnTimer, on the goroutine of the call. It fails when the call has ended, and when the operator was not given the
// side output.
func (s *Side[T]) Emit(ctx flow.Aside, row T) error { return s.EmitAt(ctx, row, flow.NoTime) }

// EmitAt is Emit with an event time for the row, in milliseconds.
func (s *Side[T]) EmitAt(ctx flow.Aside, row T, time int64) error {
	has, err := flow.EmitAside(ctx, any(s), row, time)
	if !has && err == nil {
		err = fmt.Errorf("side output %q is none of this operator: add SideOutput to the options of the operator", s.name)
	}
	return err
}

// ifAny is a list of the side, or of nothing if it is nil: nobody wants its rows.
func (s *Side[T]) ifAny() []any {
	if s == nil {
		return nil
	}
	return []any{s}
}

// output returns the operator's end of the side output.
func (s *Side[T]) output(out any) operator.SideOutput {
	return operator.NewSideOutput(s, operator.As[T](out))
}

// anySide is a *Side of any rows.
type anySide interface {
	attach(job *Job, n *plan.Node)
	output(out any) operator.SideOutput
}

// functionOutputs gives a node with a user's function its outputs: the main one, of rows Out, and those that it was
// given.
func functionOutputs[Out any](job *Job, n *plan.Node) {
	n.Outputs = []operator.RowType{operator.RowTypeOf[Out]()}
	for _, s := range n.Sides {
		s.(anySide).attach(job, n)
	}
}

// connectSides connects the side outputs of a function with what takes their rows.
func connectSides(n *plan.Node, env *operator.Env, out []any) {
	for i, s := range n.Sides {
		env.Sides = append(env.Sides, s.(anySide).output(out[1+i]))
	}
}

// sideless are the kinds of operators without functions that could emit to side outputs.
var sideless = map[string]string{
	"source": "a source", "sink": "a sink", "map": "a Map", "filter": "a Filter", "flat-map": "a FlatMap",
	"window": "a window", "over": "a window", "co-group": "a window", "detect": "a pattern",
	"async": "a function that waits for an outside service",
}
