package table

import (
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// Changelog is a stream of changes to a table with rows T.
type Changelog[T any] = aquifer.Stream[aquifer.Change[T]]

// Of is the table that a stream's rows are added to.
func Of[T any](s aquifer.Stream[T], options ...aquifer.Option) Changelog[T] {
	return aquifer.Map(s, func(row *T) aquifer.Change[T] { return aquifer.Change[T]{Row: *row} }, options...)
}

// KeyBy groups changes by a key of their rows.
func KeyBy[K comparable, T any](c Changelog[T], key func(*T) K) aquifer.KeyedStream[K, aquifer.Change[T]] {
	return aquifer.KeyBy(c, func(change *aquifer.Change[T]) K { return key(&change.Row) })
}

// Map makes one row of each.
func Map[In, Out any](c Changelog[In], fn func(*In) Out, options ...aquifer.Option) Changelog[Out] {
	return aquifer.Map(c, func(change *aquifer.Change[In]) aquifer.Change[Out] {
		return aquifer.Change[Out]{Kind: change.Kind, Row: fn(&change.Row)}
	}, options...)
}

// Filter keeps the rows for which the function is true. Where it is true of one row of an update only, half of the update
// is what is left: a change of kind UpdateAfter may add a row in the place of none.
func Filter[T any](c Changelog[T], keep func(*T) bool, options ...aquifer.Option) Changelog[T] {
	return aquifer.Filter(c, func(change *aquifer.Change[T]) bool { return keep(&change.Row) }, options...)
}

// Option changes the settings of an operator.
type Option func(*settings)

type settings struct {
	options []aquifer.Option
	state   []state.Option
}

// TTL forgets what has not been changed for so long by the machine's clock. Nothing is taken back then: what comes for a key
// that has been forgotten begins anew. Without it state is kept for ever. Outer joins, [CountDistinct] and [TemporalJoin] do
// not take it: what they have counted would be forgotten at another time than the count, and results would be wrong.
func TTL(ttl time.Duration) Option {
	return func(s *settings) { s.state = append(s.state, state.TTL(ttl)) }
}

// With passes on options that operators of all kinds have.
func With(options ...aquifer.Option) Option {
	return func(s *settings) { s.options = append(s.options, options...) }
}

func settingsOf(options []Option) (s settings) {
	for _, o := range options {
		o(&s)
	}
	return s
}
