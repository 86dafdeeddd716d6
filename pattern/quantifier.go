package pattern

import (
	"errors"
	"fmt"
)

// Times lets the last stage take so many rows.
func (p Pattern[T]) Times(n int) Pattern[T] { return p.count("Times", n, n) }

// TimesBetween lets the last stage take so many rows, both bounds included. With a min of 0 it is Optional.
func (p Pattern[T]) TimesBetween(min, max int) Pattern[T] {
	if min == 0 {
		return p.count("TimesBetween", 1, max).Optional()
	}
	return p.count("TimesBetween", min, max)
}

// TimesOrMore lets the last stage take so many rows or more.
func (p Pattern[T]) TimesOrMore(n int) Pattern[T] { return p.count("TimesOrMore", n, 0) }

// OneOrMore lets the last stage take any number of rows but none: each row makes one more match.
func (p Pattern[T]) OneOrMore() Pattern[T] { return p.count("OneOrMore", 1, 0) }

func (p Pattern[T]) count(what string, min, max int) Pattern[T] {
	return p.change(what, func(s *Stage[T]) error {
		switch {
		case s.Not:
			return errors.New("a not takes no rows")
		case s.counted:
			return errors.New("the stage has two quantifiers: give it one")
		case min < 1 || max != 0 && max < min:
			return fmt.Errorf("it cannot take between %d and %d rows", min, max)
		}
		s.Min, s.Max, s.counted = min, max, true
		return nil
	})
}

// Optional lets the last stage also take no rows.
func (p Pattern[T]) Optional() Pattern[T] {
	return p.change("Optional", func(s *Stage[T]) error {
		if s.Not {
			return errors.New("a not takes no rows")
		}
		s.Optional = true
		return nil
	})
}

// Greedy lets the last stage take as many rows as there are: a match does not go on to a later stage with a row, or
// past a row, that this stage can take.
func (p Pattern[T]) Greedy() Pattern[T] {
	return p.change("Greedy", func(s *Stage[T]) error {
		if s.Not || s.Min == s.Max && !s.Optional {
			return errors.New("the number of rows is given: there is nothing to be greedy for")
		}
		s.Greedy = true
		return nil
	})
}

// Consecutive lets the rows of the last stage follow each other directly.
func (p Pattern[T]) Consecutive() Pattern[T] { return p.inner("Consecutive", Strict) }

// AllowCombinations lets the last stage leave out rows between those that it takes, so that there may be a match for
// each combination.
func (p Pattern[T]) AllowCombinations() Pattern[T] { return p.inner("AllowCombinations", Any) }

func (p Pattern[T]) inner(what string, c Contiguity) Pattern[T] {
	return p.change(what, func(s *Stage[T]) error {
		switch {
		case !s.Repeats():
			return errors.New("the stage takes one row: give it a quantifier first")
		case s.inner:
			return errors.New("the stage is Consecutive or allows combinations: choose one")
		}
		s.Inner, s.inner = c, true
		return nil
	})
}

// Until ends the last stage, which is one without a bound: it takes no more rows once there has been one that meets the
// condition.
func (p Pattern[T]) Until(condition func(row *T) bool) Pattern[T] {
	return p.change("Until", func(s *Stage[T]) error {
		switch {
		case condition == nil:
			return errNil
		case s.Max != 0 || s.Not:
			return errors.New("the number of rows is bounded: Until belongs to OneOrMore and TimesOrMore")
		case s.Until != nil:
			return errors.New("the stage has two: give it one")
		}
		s.Until = condition
		return nil
	})
}
