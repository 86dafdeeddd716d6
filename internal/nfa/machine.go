package nfa

import (
	"math"
	"math/bits"

	"github.com/aquifer-stream/aquifer/pattern"
)

// Machine is a compiled pattern. It does not change.
type Machine[T any] struct {
	stages []pattern.Stage[T]
	names  []string
	leave  []exit // of each stage, once it has rows enough; the first is that of the beginning
	window int64  // in milliseconds; zero for none
	skip   pattern.Skip
	end    end
}

// exit is where a run may go from a stage.
type exit struct {
	stages uint64 // whose first row may be the next
	nots   []int  // that it has come to
	last   bool   // only stages that may be without rows follow, and nots
}

// end says when a run is complete that has all its rows.
type end uint8

const (
	atOnce end = iota
	withNextRow
	withTime
)

// none is the stage of a run without rows.
const none = -1

// Compile returns the machine for a pattern that is valid.
func Compile[T any](p pattern.Pattern[T]) *Machine[T] {
	m := &Machine[T]{stages: p.Stages(), window: p.Time().Milliseconds(), skip: p.Skip()}
	for _, s := range m.stages {
		m.names = append(m.names, s.Name)
	}
	for i := range len(m.stages) + 1 {
		m.leave = append(m.leave, m.exits(i))
	}
	if last := m.stages[len(m.stages)-1]; last.Not {
		m.end = withTime
		if last.Contiguity == pattern.Strict {
			m.end = withNextRow
		}
	}
	return m
}

// exits is where a run may go when the stages before one are done.
func (m *Machine[T]) exits(from int) (e exit) {
	for i := from; i < len(m.stages); i++ {
		s := &m.stages[i]
		if s.Not {
			e.nots = append(e.nots, i)
			continue
		}
		e.stages |= 1 << i
		if !s.Optional {
			return e
		}
	}
	e.last = true
	return e
}

// enough reports whether a run may leave its stage.
func (m *Machine[T]) enough(r *Run) bool {
	return r.Stage == none || int(r.Count) >= m.stages[r.Stage].Min
}

// moves are the stages that may take the next row of a run that has just taken one.
func (m *Machine[T]) moves(r *Run) (stages uint64) {
	if m.enough(r) {
		stages = m.leave[r.Stage+1].stages
	}
	if r.Stage == none {
		return stages
	}
	if s := &m.stages[r.Stage]; s.Max == 0 || int(r.Count) < s.Max {
		stages |= 1 << r.Stage
	}
	return stages
}

// nots are those that a run has come to.
func (m *Machine[T]) nots(r *Run) []int {
	if r.Stage == none || !m.enough(r) {
		return nil
	}
	return m.leave[r.Stage+1].nots
}

// full reports whether a run has all rows that a match needs.
func (m *Machine[T]) full(r *Run) bool { return m.enough(r) && m.leave[r.Stage+1].last }

// waits reports whether a run is a match when the pattern's end has come, and it is still there.
func (m *Machine[T]) waits(r *Run) bool { return m.end != atOnce && m.full(r) }

// deadline is when the time of a run is over.
func (m *Machine[T]) deadline(r *Run) int64 {
	if m.window == 0 || r.Start > math.MaxInt64-m.window {
		return math.MaxInt64
	}
	return r.Start + m.window
}

// each calls a function for each stage of a set, in their order, until it returns false or an error.
func each(stages uint64, fn func(stage int) (bool, error)) error {
	for ; stages != 0; stages &= stages - 1 {
		if more, err := fn(bits.TrailingZeros64(stages)); !more || err != nil {
			return err
		}
	}
	return nil
}
