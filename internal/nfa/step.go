package nfa

import "github.com/aquifer-stream/aquifer/pattern"

// Output takes what is found. A match is the receiver's. An error ends the step.
type Output[T any] interface {
	// Match is called for each match, at the event time of the row, or the last one of the time, that decided on it.
	Match(m *pattern.Match[T], at int64) error
	// TimedOut is called for what has been matched when its time is over.
	TimedOut(m *pattern.Match[T], at int64) error
}

// step is a row, or a progress of time, that runs look at.
type step[T any] struct {
	*Machine[T]
	state *Runs
	buf   Buffer[T]
	out   Output[T]
	row   *T
	n     int64 // of the row
	at    int64 // its event time
	runs  []Run // that are left, in order
}

// Step looks at the next row of a key, which is not before those before it. The runs in s are replaced, not changed.
func (m *Machine[T]) Step(s *Runs, b Buffer[T], row *T, at int64, out Output[T]) error {
	if err := m.Advance(s, b, at, out); err != nil {
		return err
	}
	s.Rows, s.Time = s.Rows+1, at
	f := &fresh[T]{Buffer: b, n: s.Rows, row: Row[T]{Row: *row, Time: at}, base: s.Nodes}
	t := &step[T]{Machine: m, state: s, buf: f, out: out, row: row, n: s.Rows, at: at}
	for _, r := range s.Runs {
		if err := t.look(r); err != nil {
			return err
		}
	}
	begin := Run{First: t.n, Start: at, Stage: none}
	begin.Moves = m.moves(&begin)
	if err := t.advance(&begin, t.before(&begin)); err != nil {
		return err
	}
	s.Runs = t.runs
	if err := t.settle(); err != nil {
		return err
	}
	return f.keep()
}

// look lets a run look at the row.
func (t *step[T]) look(r Run) error {
	before := t.before(&r)
	ended, err := t.hitsNot(&r, before)
	if err != nil {
		return err
	}
	if ended {
		return release(t.buf, r.Node)
	}
	if err := t.advance(&r, before); err != nil {
		return err
	}
	if t.end == withNextRow && t.full(&r) && t.next(&r) {
		if err := t.complete(&r); err != nil {
			return err
		}
	}
	return t.stay(r)
}

// stay keeps a run as long as something may become of it. One that waits for the row that is next has had it.
func (t *step[T]) stay(r Run) error {
	if r.Moves != 0 || t.waits(&r) && (t.end == withTime || r.Last == t.n) {
		t.runs = append(t.runs, r)
		return nil
	}
	return release(t.buf, r.Node)
}

// next reports whether the row comes directly after the last one of a run.
func (t *step[T]) next(r *Run) bool { return r.Last+1 == t.n }

// hitsNot reports whether the row meets a not that the run has come to.
func (t *step[T]) hitsNot(r *Run, before before[T]) (bool, error) {
	for _, i := range t.nots(r) {
		s := &t.stages[i]
		if s.Contiguity == pattern.Strict && !t.next(r) {
			continue
		}
		if hit, err := holds(s, t.row, before); hit || err != nil {
			return hit, err
		}
	}
	return false, nil
}

// advance lets the stages of a run take the row, each for a run of its own, and keeps those that may take a later one.
func (t *step[T]) advance(r *Run, before before[T]) error {
	moves := r.Moves
	r.Moves = 0
	return each(moves, func(i int) (bool, error) {
		s := &t.stages[i]
		again, contiguity := int32(i) == r.Stage, s.Contiguity
		if again {
			contiguity = s.Inner
		}
		if contiguity == pattern.Strict && r.Stage != none && !t.next(r) {
			return true, nil
		}
		until := s.Until != nil && s.Until(t.row)
		if again && until {
			return true, nil
		}
		hit, err := holds(s, t.row, before)
		if err != nil {
			return false, err
		}
		if contiguity == pattern.Any || contiguity == pattern.Relaxed && !hit {
			r.Moves |= 1 << i
		}
		if !hit || until {
			return true, nil
		}
		return !s.Greedy, t.take(r, i)
	})
}

// take makes the run in which a stage has taken the row.
func (t *step[T]) take(r *Run, stage int) error {
	child := Run{First: r.First, Last: t.n, Start: r.Start, Stage: int32(stage), Count: 1}
	if child.Stage == r.Stage {
		child.Count = r.Count + 1
	}
	child.Moves = t.moves(&child)
	t.state.Nodes++
	child.Node = t.state.Nodes
	if err := take(t.buf, child.Node, Node{Row: t.n, Prev: r.Node, Stage: child.Stage}); err != nil {
		return err
	}
	if t.end == atOnce && t.full(&child) {
		if err := t.complete(&child); err != nil {
			return err
		}
	}
	return t.stay(child)
}
