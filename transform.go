package aquifer

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// Map makes one row of each. The function gets a row to read during the call.
func Map[In, Out any](s Stream[In], fn func(*In) Out, options ...Option) Stream[Out] {
	n := s.job.addNode("map", "", s.edges(operator.Forward, nil), options)
	n.Outputs = []operator.RowType{operator.RowTypeOf[Out]()}
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		return operator.NewMap(env, operator.As[Out](out[0]), fn), nil
	}
	return output[Out](s.job, n, 0)
}

// Filter keeps the rows for which the function is true.
func Filter[T any](s Stream[T], keep func(*T) bool, options ...Option) Stream[T] {
	n := s.job.addNode("filter", "", s.edges(operator.Forward, nil), options)
	n.Outputs = []operator.RowType{operator.RowTypeOf[T]()}
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		return operator.NewFilter(env, operator.As[T](out[0]), keep), nil
	}
	return output[T](s.job, n, 0)
}

// FlatMap makes any number of rows of each. An error fails the task.
func FlatMap[In, Out any](
	s Stream[In], fn func(in *In, out Collector[Out]) error, options ...Option,
) Stream[Out] {
	n := s.job.addNode("flat-map", "", s.edges(operator.Forward, nil), options)
	n.Outputs = []operator.RowType{operator.RowTypeOf[Out]()}
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		return operator.NewFlatMap(env, operator.As[Out](out[0]), fn), nil
	}
	return output[Out](s.job, n, 0)
}

// Union merges streams of the same rows. Rows of one of them stay in order.
func Union[T any](first Stream[T], more ...Stream[T]) Stream[T] {
	u := Stream[T]{job: first.job, ports: append([]port(nil), first.ports...)}
	for _, s := range more {
		u.ports = append(u.ports, s.ports...)
	}
	return u
}

// KeyBy groups the rows by a key. The key's type must have an order-preserving encoding: booleans,
// integers, strings, and arrays and structs of these.
func KeyBy[K comparable, T any](s Stream[T], key func(*T) K) KeyedStream[K, T] {
	hasher, err := operator.NewHasher(key)
	if err != nil {
		s.job.graph.Mistake(err)
	}
	return KeyedStream[K, T]{Stream: s, key: key, hasher: hasher}
}

// Collector takes the rows that a function emits; see [flow.Collector].
type Collector[T any] = flow.Collector[T]
