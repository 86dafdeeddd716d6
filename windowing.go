package aquifer

import (
	"fmt"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/window"
)

// Aggregator sums rows up in an accumulator; see [flow.Aggregator].
type Aggregator[T, A, R any] = flow.Aggregator[T, A, R]

// Windowed is the result of a window; see [flow.Windowed].
type Windowed[K comparable, R any] = flow.Windowed[K, R]

// Count returns the aggregator that counts rows.
func Count[T any]() Aggregator[T, int64, int64] {
	return Aggregator[T, int64, int64]{
		Add:    func(n *int64, _ *T) { *n++ },
		Remove: func(n *int64, _ *T) { *n-- },
		Merge:  func(into, from *int64) { *into += *from },
		Result: func(n *int64) int64 { return *n },
	}
}

// Sum returns the aggregator that adds up a number of each row.
func Sum[T any](number func(*T) int64) Aggregator[T, int64, int64] {
	return Aggregator[T, int64, int64]{
		Add:    func(sum *int64, row *T) { *sum += number(row) },
		Remove: func(sum *int64, row *T) { *sum -= number(row) },
		Merge:  func(into, from *int64) { *into += *from },
		Result: func(sum *int64) int64 { return *sum },
	}
}

// Extreme is the accumulator of [Max] and [Min].
type Extreme struct {
	Seen  bool
	Value int64
}

// Max returns the aggregator that finds the highest number of a row.
func Max[T any](number func(*T) int64) Aggregator[T, Extreme, int64] {
	return extreme(number, func(a, b int64) int64 { return max(a, b) })
}

// Min returns the aggregator that finds the lowest number of a row.
func Min[T any](number func(*T) int64) Aggregator[T, Extreme, int64] {
	return extreme(number, func(a, b int64) int64 { return min(a, b) })
}

func extreme[T any](number func(*T) int64, of func(a, b int64) int64) Aggregator[T, Extreme, int64] {
	add := func(e *Extreme, n int64) {
		if e.Seen {
			n = of(e.Value, n)
		}
		*e = Extreme{true, n}
	}
	return Aggregator[T, Extreme, int64]{
		Add: func(e *Extreme, row *T) { add(e, number(row)) },
		Merge: func(into, from *Extreme) {
			if from.Seen {
				add(into, from.Value)
			}
		},
		Result: func(e *Extreme) int64 { return e.Value },
	}
}

// LateTo sends the rows that come too late for their windows to a side output, instead of dropping them. The
// side must be one for the rows that the windows take.
func LateTo[T any](side *Side[T]) WindowOption[T] {
	return func(s *windowSettings[T]) { s.late = side }
}

// WindowOption changes the settings of windows over rows T.
type WindowOption[T any] func(*windowSettings[T])

type windowSettings[T any] struct {
	late    *Side[T]
	options []Option
}

// WithWindow applies operator options, such as Parallelism, to windows.
func WithWindow[T any](options ...Option) WindowOption[T] {
	return func(s *windowSettings[T]) { s.options = append(s.options, options...) }
}

// Aggregate sums up the rows of each key in each window. The name is the identity of its state in checkpoints.
// A row of the result is emitted when the window is complete, and again for rows that come late but within
// the allowed lateness; or when the window's [window.Trigger] says.
func Aggregate[K comparable, T, A, R any](
	s KeyedStream[K, T], name string, w window.Window, agg Aggregator[T, A, R], options ...WindowOption[T],
) Stream[Windowed[K, R]] {
	if !w.IsPlain() {
		return aggregateTriggered(s, name, w, agg, options)
	}
	var settings windowSettings[T]
	for _, o := range options {
		o(&settings)
	}
	n := s.job.addNode("window", name, s.edges(operator.Hash, s.hasher), settings.options)
	n.Outputs = []operator.RowType{operator.RowTypeOf[Windowed[K, R]]()}
	if settings.late != nil {
		settings.late.attach(s.job, n)
	}
	if err := checkWindow(w, agg); err != nil {
		s.job.graph.Mistake(fmt.Errorf("operator %q: %w", n.Name, err))
	}
	if w.IsSession() {
		n.Keyed = operator.PlanSessionWindows[K, A](n.Name)
	} else {
		n.Keyed = operator.PlanSliceWindows[K, A](n.Name)
	}
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		next := operator.As[Windowed[K, R]](out[0])
		var late operator.Receiver[T]
		if settings.late != nil {
			late = operator.As[T](out[1])
		}
		if w.IsSession() {
			return operator.NewSessionWindows(env, next, late, s.key, w, agg)
		}
		return operator.NewSliceWindows(env, next, late, s.key, w, agg)
	}
	return output[Windowed[K, R]](s.job, n, 0)
}

// aggregateTriggered is Aggregate for windows with a trigger of their own. They keep an accumulator for each part.
func aggregateTriggered[K comparable, T, A, R any](
	s KeyedStream[K, T], name string, w window.Window, agg Aggregator[T, A, R], options []WindowOption[T],
) Stream[Windowed[K, R]] {
	out, mistake := windows(s, name, w, options, func() windowContents[K, T, Windowed[K, R]] {
		return &sumContents[K, T, A, R]{agg: agg}
	})
	mistake(checkWindow(w, agg))
	return out
}

// checkWindow finds mistakes in the description of windows.
func checkWindow[T, A, R any](w window.Window, agg Aggregator[T, A, R]) error {
	if err := w.Validate(); err != nil {
		return err
	}
	if agg.Add == nil || agg.Result == nil {
		return fmt.Errorf("the aggregator has no Add or no Result function")
	}
	if agg.Merge == nil && (w.IsSession() || w.Slice() != w.Size()) {
		return fmt.Errorf("the aggregator has no Merge function, which sliding and session windows need")
	}
	return nil
}

// reduced is the accumulator of Reduce: the reduced row, if there has been one.
type reduced[T any] struct {
	Row T
	Any bool
}

// Reduce combines the rows of each key in each window: the first is copied, and every other one is taken into
// the copy by the function, which must not depend on their order.
func Reduce[K comparable, T any](
	s KeyedStream[K, T], name string, w window.Window, combine func(into, row *T), options ...WindowOption[T],
) Stream[Windowed[K, T]] {
	take := func(into *reduced[T], row *T) {
		if !into.Any {
			into.Row, into.Any = *row, true
			return
		}
		combine(&into.Row, row)
	}
	return Aggregate(s, name, w, Aggregator[T, reduced[T], T]{
		Add:    take,
		Merge:  func(into, from *reduced[T]) { take(into, &from.Row) },
		Result: func(r *reduced[T]) T { return r.Row },
	}, options...)
}
