package aquifer

import (
	"sync/atomic"

	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// orLate is a row of a function that also has an output for rows that come too late.
type orLate[T, Out any] = operator.OrLate[T, Out]

// lateRows is where a function leaves the rows that come too late.
type lateRows[T, Out any] struct {
	count *atomic.Int64
	aside bool // somebody wants them
}

func (l lateRows[T, Out]) leave(ctx *Context, in *T, out Collector[orLate[T, Out]]) {
	l.count.Add(1)
	if l.aside {
		row := *in
		out.EmitAt(orLate[T, Out]{Late: &row}, ctx.Time)
	}
}

// lateFunc makes the function of a subtask.
type lateFunc[T, Out any] func(late lateRows[T, Out]) ProcessFunc[T, orLate[T, Out]]

// processLate is Process for a function with an output for rows that come too late; of a nil side they are dropped.
func processLate[K comparable, T, Out any](
	s KeyedStream[K, T], kind, name string, side *Side[T], newFunc lateFunc[T, Out], options []Option,
) (Stream[Out], *plan.Node) {
	n := s.job.addNode(kind, name, s.edges(operator.Hash, s.hasher), options)
	n.Outputs = []operator.RowType{operator.RowTypeOf[Out]()}
	if side != nil {
		side.attach(s.job, n)
	}
	n.Keyed = operator.PlanProcess[K](n.Name, func() operator.ProcessFunc[T, orLate[T, Out]] {
		return newFunc(lateRows[T, Out]{count: new(atomic.Int64)})
	})
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		var aside operator.Receiver[T]
		if side != nil {
			aside = operator.As[T](out[1])
		}
		next := operator.SplitLate(operator.As[Out](out[0]), aside)
		return operator.NewProcess(env, next, s.key, newFunc(lateRows[T, Out]{&env.Stats.Late, side != nil}))
	}
	return output[Out](s.job, n, 0), n
}
