package pattern

import (
	"errors"
	"fmt"
	"slices"
)

// MaxStages is how many stages a pattern may have.
const MaxStages = 64

// Validate says what is wrong with the pattern, all of it, or nil.
func (p Pattern[T]) Validate() error {
	wrong := slices.Clone(p.wrong)
	names, err := p.names()
	wrong = append(wrong, err, p.skip.check(names))
	if len(p.stages) > 0 {
		wrong = append(wrong, p.checkEnd())
	}
	switch {
	case len(p.stages) == 0:
		wrong = append(wrong, errors.New("the pattern is empty: start with Begin"))
	case len(p.stages) > MaxStages:
		wrong = append(wrong, fmt.Errorf("the pattern has %d stages, more than %d", len(p.stages), MaxStages))
	case !slices.ContainsFunc(p.stages, func(s Stage[T]) bool { return !s.Not && !s.Optional }):
		wrong = append(wrong, errors.New("all stages are optional: let one take at least a row"))
	}
	return errors.Join(wrong...)
}

// names returns those of the stages that take rows, and says which are wrong.
func (p Pattern[T]) names() (map[string]bool, error) {
	var wrong []error
	seen, taking := map[string]bool{}, map[string]bool{}
	for _, s := range p.stages {
		switch {
		case s.Name == "":
			wrong = append(wrong, errors.New("a stage has no name: give it one"))
		case seen[s.Name]:
			wrong = append(wrong, fmt.Errorf("two stages are named %q: rename one", s.Name))
		}
		seen[s.Name] = true
		taking[s.Name] = taking[s.Name] || !s.Not
	}
	return taking, errors.Join(wrong...)
}

func (p Pattern[T]) checkEnd() error {
	last := p.stages[len(p.stages)-1]
	switch {
	case last.Not && last.Contiguity == Relaxed && p.within == 0:
		return fmt.Errorf("the pattern ends with NotFollowedBy %q, which can only be known when its time is over: "+
			"give it Within", last.Name)
	case last.Greedy:
		return fmt.Errorf("stage %q is Greedy, and no stage follows that could take its rows: leave Greedy out", last.Name)
	}
	return nil
}
