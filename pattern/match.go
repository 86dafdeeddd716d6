package pattern

import "slices"

// Match is the rows of a match, or of what has been matched so far. It does not change, and its rows are not to be
// changed either.
type Match[T any] struct {
	names  []string // of the pattern's stages
	stages []int32  // of each row
	rows   []T
	times  []int64
}

// NewMatch returns a match of rows, each with its stage, as an index of names, and its event time in milliseconds. It
// is for the engine, and for tests of functions that get matches. The slices are the match's.
func NewMatch[T any](names []string, stages []int32, rows []T, times []int64) *Match[T] {
	return &Match[T]{names, stages, rows, times}
}

// All are the rows in their order.
func (m *Match[T]) All() []T { return slices.Clip(m.rows) }

// Rows are those of a stage, in their order; none if it has none, or the pattern has no such stage.
func (m *Match[T]) Rows(stage string) []T {
	from, to := m.Place(stage)
	return m.rows[from:to:to]
}

// Place is where in All the rows of a stage begin and end. It is for the engine.
func (m *Match[T]) Place(stage string) (from, to int) {
	of := int32(slices.Index(m.names, stage))
	if from = slices.Index(m.stages, of); from < 0 {
		return 0, 0
	}
	for to = from; to < len(m.stages) && m.stages[to] == of; to++ {
	}
	return from, to
}

// First is the first row of a stage, or nil.
func (m *Match[T]) First(stage string) *T {
	rows := m.Rows(stage)
	if len(rows) == 0 {
		return nil
	}
	return &rows[0]
}

// Last is the last row of a stage, or nil.
func (m *Match[T]) Last(stage string) *T {
	rows := m.Rows(stage)
	if len(rows) == 0 {
		return nil
	}
	return &rows[len(rows)-1]
}

// Start is the event time of the first row in milliseconds. A match has rows.
func (m *Match[T]) Start() int64 { return m.times[0] }

// End is the event time of the last row in milliseconds.
func (m *Match[T]) End() int64 { return m.times[len(m.times)-1] }
