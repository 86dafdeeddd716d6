package pattern

import "fmt"

// Skip says which matches, and what has been matched so far of others, a match makes to be left out: those that began
// with a row before another. It is a value.
type Skip struct {
	kind  skipKind
	stage string
}

type skipKind uint8

const (
	noSkip skipKind = iota
	toNext
	pastLast
	toFirst
	toLast
)

// NoSkip leaves out nothing. A match is emitted as soon as it is complete.
func NoSkip() Skip { return Skip{} }

// SkipToNext leaves out what began with the same row as the match.
func SkipToNext() Skip { return Skip{kind: toNext} }

// SkipPastLastEvent leaves out what began before the match ended: matches do not overlap.
func SkipPastLastEvent() Skip { return Skip{kind: pastLast} }

// SkipToFirst leaves out what began before the first row of a stage of the match; nothing if the stage has none.
func SkipToFirst(stage string) Skip { return Skip{kind: toFirst, stage: stage} }

// SkipToLast leaves out what began before the last row of a stage of the match; nothing if the stage has none.
func SkipToLast(stage string) Skip { return Skip{kind: toLast, stage: stage} }

// None reports whether nothing is left out.
func (s Skip) None() bool { return s.kind == noSkip }

// Bound is the number before which others must not have begun, given the numbers of the first and last row of a match,
// and a function that returns those of a stage, or false if it has no rows. It is for the engine.
func (s Skip) Bound(first, last int64, of func(stage string) (first, last int64, ok bool)) int64 {
	switch s.kind {
	case toNext:
		return first + 1
	case pastLast:
		return last + 1
	case toFirst, toLast:
		f, l, ok := of(s.stage)
		if ok && s.kind == toFirst {
			return f
		}
		if ok {
			return l
		}
	}
	return first
}

func (s Skip) check(stages map[string]bool) error {
	if (s.kind == toFirst || s.kind == toLast) && !stages[s.stage] {
		return fmt.Errorf("AfterMatch skips to stage %q, which the pattern does not have: name one that takes rows",
			s.stage)
	}
	return nil
}
