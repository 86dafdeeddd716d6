package pattern

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Contiguity says what rows may be between a row of a match and the one before it.
type Contiguity uint8

const (
	// Strict is none.
	Strict Contiguity = iota
	// Relaxed are those that do not meet the conditions of the row's stage.
	Relaxed
	// Any are all.
	Any
)

// Stage is one part of a pattern, as Pattern.Stages shows it.
type Stage[T any] struct {
	// Name is unique in the pattern.
	Name string
	// Contiguity is that of the stage's first row, or of the row that is not to be: Strict for NotNext.
	Contiguity Contiguity
	// Not is set for NotNext and NotFollowedBy, which take no rows.
	Not bool
	// Min and Max bound the number of rows; Max is zero for no bound. Optional stages may also have none.
	Min, Max int
	Optional bool
	// Inner is the contiguity of all rows but the first.
	Inner Contiguity
	// Greedy stages do not let later ones pass over a row that they can take.
	Greedy bool
	// Conditions and Iterative are all to be met.
	Conditions []func(row *T) bool
	Iterative  []func(row *T, before *Match[T]) bool
	// Until ends the stage; nil for nothing.
	Until func(row *T) bool

	counted, inner bool // a quantifier, or an inner contiguity, has been given
}

// Repeats reports whether the stage may take several rows.
func (s *Stage[T]) Repeats() bool { return s.Max != 1 && !s.Not }

// plain is a name, in quotes if it is none that is read as one word.
func plain(name string) string {
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' {
			return strconv.Quote(name)
		}
	}
	return name
}

// describe says what the stage is, for a person, and so that equal stages have equal descriptions.
func (s *Stage[T]) describe(first bool) string {
	words := []string{[]string{"next", "followed by", "followed by any"}[s.Contiguity], plain(s.Name)}
	switch {
	case first:
		words[0] = "begin"
	case s.Not:
		words[0] = "not " + words[0]
	}
	switch {
	case s.Not:
		return strings.Join(words, " ")
	case s.Max == 0:
		words = append(words, fmt.Sprintf("%d or more times", s.Min))
	case s.Max > s.Min:
		words = append(words, fmt.Sprintf("%d to %d times", s.Min, s.Max))
	case s.Max > 1:
		words = append(words, fmt.Sprintf("%d times", s.Min))
	}
	if s.Repeats() {
		words = append(words, []string{"consecutive", "relaxed", "combined"}[s.Inner])
	}
	for _, w := range []struct {
		is   bool
		word string
	}{{s.Optional, "optional"}, {s.Greedy, "greedy"}, {s.Until != nil, "until"}} {
		if w.is {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " ")
}
