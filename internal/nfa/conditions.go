package nfa

import "github.com/aquifer-stream/aquifer/pattern"

// before reads what a run has taken, once, when it is asked for.
type before[T any] func() (*pattern.Match[T], error)

func (t *step[T]) before(r *Run) before[T] {
	var m *pattern.Match[T]
	return func() (*pattern.Match[T], error) {
		if m != nil {
			return m, nil
		}
		var err error
		m, _, err = t.match(t.buf, r.Node)
		return m, err
	}
}

// holds reports whether a row meets all conditions of a stage.
func holds[T any](s *pattern.Stage[T], row *T, before before[T]) (bool, error) {
	for _, c := range s.Conditions {
		if !c(row) {
			return false, nil
		}
	}
	for _, c := range s.Iterative {
		m, err := before()
		if err != nil || !c(row, m) {
			return false, err
		}
	}
	return true, nil
}
