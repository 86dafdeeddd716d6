package nfa

import "slices"

// Advance says that no more rows come before a time, in milliseconds. Runs whose time is over by then are matches, or
// have timed out.
func (m *Machine[T]) Advance(s *Runs, b Buffer[T], to int64, out Output[T]) error {
	for m.window > 0 && len(s.Runs) > 0 {
		first := s.Runs[0]
		over := m.deadline(&first)
		if over > to {
			return nil
		}
		n := slices.IndexFunc(s.Runs, func(r Run) bool { return r.First != first.First })
		if n < 0 {
			n = len(s.Runs)
		}
		gone := s.Runs[:n]
		s.Runs = s.Runs[n:]
		t := &step[T]{Machine: m, state: s, buf: b, out: out, at: over - 1}
		for i := range gone {
			if err := t.expire(&gone[i]); err != nil {
				return err
			}
		}
		if err := t.settle(); err != nil {
			return err
		}
	}
	return nil
}

// Deadline is the time at which Advance should be called next at the latest, and whether there is one.
func (m *Machine[T]) Deadline(s *Runs) (at int64, ok bool) {
	if m.window == 0 || len(s.Runs) == 0 {
		return 0, false
	}
	return m.deadline(&s.Runs[0]), true
}

// expire ends a run whose time is over. One that has been a match goes without a word.
func (t *step[T]) expire(r *Run) error {
	switch full := t.full(r); {
	case full && t.end == withTime:
		if err := t.complete(r); err != nil {
			return err
		}
	case !full || t.end == withNextRow:
		m, _, err := t.match(t.buf, r.Node)
		if err != nil {
			return err
		}
		if err := t.out.TimedOut(m, t.at); err != nil {
			return err
		}
	}
	return release(t.buf, r.Node)
}
