package coordinator

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// compatible refuses a checkpoint that the program cannot go on from, with all reasons at once.
func compatible(p *plan.Physical, m *checkpoint.Manifest) error {
	var wrong []error
	if m.MaxParallelism != p.MaxParallelism {
		wrong = append(wrong, fmt.Errorf("its state has %d key groups, the program %d: set the max parallelism to %d",
			m.MaxParallelism, p.MaxParallelism, m.MaxParallelism))
	}
	nodes := map[string]*plan.Node{}
	for _, n := range p.Nodes() {
		nodes[n.UID] = n
	}
	for _, op := range m.Operators {
		err := missing(op)
		if n := nodes[op.UID]; n != nil {
			err = operatorCompatible(n, op)
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return base.Errorf(base.Config, "the program cannot go on from checkpoint %d:\n%w",
		m.Checkpoint, errors.Join(wrong...))
}

// missing is the objection to an operator that the program no longer has, if it leaves something behind.
func missing(op checkpoint.Operator) error {
	if len(op.States) == 0 && len(op.Known) == 0 && !wasSink(op) {
		return nil
	}
	return fmt.Errorf("operator %q (uid %q) has state in it but is not in the program", op.Name, op.UID)
}

// wasSink reports whether the operator left what only a sink can take.
func wasSink(op checkpoint.Operator) bool {
	return slices.ContainsFunc(op.Subtasks, func(s checkpoint.Subtask) bool {
		return s.Committables != nil || s.SinkState != nil
	})
}

func operatorCompatible(n *plan.Node, op checkpoint.Operator) error {
	switch {
	case n.Source == nil && len(op.Known) > 0:
		return fmt.Errorf("operator %q is a source in it but not in the program", op.Name)
	case n.Sink == nil && wasSink(op):
		return fmt.Errorf("operator %q is a sink in it but not in the program", op.Name)
	case n.Keyed != nil:
		return n.Keyed.Check(&operator.Restored{Key: op.Key, States: op.States})
	case len(op.States) > 0:
		return fmt.Errorf("operator %q has keyed state in it but not in the program", op.Name)
	}
	return nil
}
