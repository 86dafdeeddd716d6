package nfa

import (
	"errors"
	"slices"
)

// complete is called when a run is a match. Without a strategy it goes out at once.
func (t *step[T]) complete(r *Run) error {
	if t.skip.None() {
		m, _, err := t.match(t.buf, r.Node)
		if err != nil {
			return err
		}
		return t.out.Match(m, t.at)
	}
	t.state.Found = append(slices.Clip(t.state.Found), Found{r.Node, r.First, r.Last})
	return retain(t.buf, r.Node)
}

// settle emits the matches before which nothing is left that began earlier, and leaves out what they skip.
func (t *step[T]) settle() error {
	s := t.state
	for len(s.Found) > 0 {
		at := 0
		for i, f := range s.Found {
			if f.First < s.Found[at].First {
				at = i
			}
		}
		f := s.Found[at]
		if len(s.Runs) > 0 && s.Runs[0].First < f.First {
			return nil
		}
		s.Found = slices.Concat(s.Found[:at], s.Found[at+1:])
		if err := t.emit(f); err != nil {
			return err
		}
	}
	return nil
}

// emit lets a match out that has waited.
func (t *step[T]) emit(f Found) error {
	m, numbers, err := t.match(t.buf, f.Node)
	if err != nil {
		return err
	}
	bound := t.skip.Bound(f.First, f.Last, func(stage string) (first, last int64, ok bool) {
		from, to := m.Place(stage)
		if from == to {
			return 0, 0, false
		}
		return numbers[from], numbers[to-1], true
	})
	return errors.Join(t.out.Match(m, t.at), t.leaveOut(bound), release(t.buf, f.Node))
}

// leaveOut forgets what began before a row.
func (t *step[T]) leaveOut(bound int64) error {
	s := t.state
	for len(s.Runs) > 0 && s.Runs[0].First < bound {
		if err := release(t.buf, s.Runs[0].Node); err != nil {
			return err
		}
		s.Runs = s.Runs[1:]
	}
	var kept []Found
	for _, f := range s.Found {
		if f.First >= bound {
			kept = append(kept, f)
		} else if err := release(t.buf, f.Node); err != nil {
			return err
		}
	}
	s.Found = kept
	return nil
}
