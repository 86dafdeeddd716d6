package aquifer

import (
	"fmt"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// To ends a stream in a sink. The name is the sink's identity in checkpoints.
func To[T any](s Stream[T], name string, sink flow.Sink[T], options ...Option) {
	n := s.job.addNode("sink", name, s.edges(operator.Forward, nil), options)
	if sink == nil {
		s.job.graph.Mistake(fmt.Errorf("sink %q is nil", n.Name))
		return
	}
	n.Sink = &plan.Sink{Recover: sink.Recover, Commit: sink.Commit}
	if p, ok := sink.(flow.Placed); ok {
		n.Sink.Place = p.Place()
	}
	n.Make = func(env *operator.Env, _ []any) (operator.Operator, error) {
		return operator.NewSink(env, sink), nil
	}
}
