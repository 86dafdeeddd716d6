package pattern

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Pattern describes matches of rows of type T. It is a value; the zero Pattern is not valid: a pattern starts with
// [Begin].
type Pattern[T any] struct {
	stages []Stage[T]
	within time.Duration
	skip   Skip
	wrong  []error
}

// Begin starts a pattern. The name of a stage is how a [Match] tells its rows.
func Begin[T any](name string) Pattern[T] {
	return Pattern[T]{}.add(Stage[T]{Name: name, Contiguity: Strict, Min: 1, Max: 1, Inner: Relaxed})
}

// Next adds a stage whose first row comes directly after the row before: strict contiguity.
func (p Pattern[T]) Next(name string) Pattern[T] {
	return p.add(Stage[T]{Name: name, Contiguity: Strict, Min: 1, Max: 1, Inner: Relaxed})
}

// FollowedBy adds a stage whose first row is the next one that meets its conditions: relaxed contiguity.
func (p Pattern[T]) FollowedBy(name string) Pattern[T] {
	return p.add(Stage[T]{Name: name, Contiguity: Relaxed, Min: 1, Max: 1, Inner: Relaxed})
}

// FollowedByAny adds a stage whose first row is any later one that meets its conditions, so that there may be a match
// for each: non-deterministic relaxed contiguity.
func (p Pattern[T]) FollowedByAny(name string) Pattern[T] {
	return p.add(Stage[T]{Name: name, Contiguity: Any, Min: 1, Max: 1, Inner: Relaxed})
}

// NotNext says that the next row does not meet the conditions that follow. At the end of a pattern, a match is complete
// when the next row has come.
func (p Pattern[T]) NotNext(name string) Pattern[T] {
	return p.add(Stage[T]{Name: name, Contiguity: Strict, Not: true})
}

// NotFollowedBy says that no row meets the conditions that follow before the match goes on. At the end of a pattern
// it needs Within, and a match is complete when that time is over.
func (p Pattern[T]) NotFollowedBy(name string) Pattern[T] {
	return p.add(Stage[T]{Name: name, Contiguity: Relaxed, Not: true})
}

// Where adds a condition that rows of the last stage meet. A stage without conditions takes all rows.
func (p Pattern[T]) Where(condition func(row *T) bool) Pattern[T] {
	return p.change("Where", func(s *Stage[T]) error {
		if condition == nil {
			return errNil
		}
		s.Conditions = append(slices.Clip(s.Conditions), condition)
		return nil
	})
}

// WhereIterative adds a condition that also sees what the match has taken before the row, those of the same stage
// included. It is asked when the conditions of Where are met. It reads those rows from state, which costs more.
func (p Pattern[T]) WhereIterative(condition func(row *T, before *Match[T]) bool) Pattern[T] {
	return p.change("WhereIterative", func(s *Stage[T]) error {
		if condition == nil {
			return errNil
		}
		s.Iterative = append(slices.Clip(s.Iterative), condition)
		return nil
	})
}

// Within bounds the time from the first row of a match to its last, which is less than that. What has not become
// a match by then is forgotten. It is of the whole pattern.
func (p Pattern[T]) Within(d time.Duration) Pattern[T] {
	p.within = d
	return p.change("Within", func(*Stage[T]) error {
		if d <= 0 || d%time.Millisecond != 0 {
			return fmt.Errorf("%v is not a positive number of whole milliseconds", d)
		}
		return nil
	})
}

// AfterMatch sets what a match skips; without it that is nothing ([NoSkip]). It is of the whole pattern.
func (p Pattern[T]) AfterMatch(skip Skip) Pattern[T] {
	p.skip = skip
	return p
}

// Stages are the stages of the pattern. They are not to be changed.
func (p Pattern[T]) Stages() []Stage[T] { return p.stages }

// Time is what Within was given; zero for no bound.
func (p Pattern[T]) Time() time.Duration { return p.within }

// Skip is what a match skips.
func (p Pattern[T]) Skip() Skip { return p.skip }

// String describes the stages, without what their conditions are: what it says must stay the same for what has been
// matched so far to be understood, so it is part of the state's identity in checkpoints. Conditions, Within and
// AfterMatch may change.
func (p Pattern[T]) String() string {
	var all []string
	for i := range p.stages {
		all = append(all, p.stages[i].describe(i == 0))
	}
	return strings.Join(all, "; ")
}

var errNil = errors.New("the condition is nil")

// add is the pattern with one more stage.
func (p Pattern[T]) add(s Stage[T]) Pattern[T] {
	p.stages = append(slices.Clip(p.stages), s)
	return p
}

// change is the pattern with another last stage.
func (p Pattern[T]) change(what string, fn func(*Stage[T]) error) Pattern[T] {
	if len(p.stages) == 0 {
		return p.mistake(fmt.Errorf("%s has no stage to belong to: start with Begin", what))
	}
	p.stages = slices.Clone(p.stages)
	s := &p.stages[len(p.stages)-1]
	if err := fn(s); err != nil {
		return p.mistake(fmt.Errorf("stage %q: %s: %w", s.Name, what, err))
	}
	return p
}

func (p Pattern[T]) mistake(err error) Pattern[T] {
	p.wrong = append(slices.Clip(p.wrong), err)
	return p
}
