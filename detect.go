package aquifer

import (
	"fmt"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/nfa"
	"github.com/aquifer-stream/aquifer/pattern"
)

// DetectOption changes the settings of a detection in rows T.
type DetectOption[T any] func(*detectSettings[T])

type detectSettings[T any] struct {
	late     *Side[T]
	timedOut *Side[pattern.Match[T]]
	options  []Option
}

// DetectLateTo sends the rows that come late, behind the watermark, to a side output, instead of dropping them.
func DetectLateTo[T any](side *Side[T]) DetectOption[T] {
	return func(s *detectSettings[T]) { s.late = side }
}

// TimedOutTo sends what has been matched of a pattern when its time is over, without having become a match, to a side
// output, with the last millisecond of that time as its event time.
func TimedOutTo[T any](side *Side[pattern.Match[T]]) DetectOption[T] {
	return func(s *detectSettings[T]) { s.timedOut = side }
}

// WithDetect passes on options that operators of all kinds have.
func WithDetect[T any](options ...Option) DetectOption[T] {
	return func(s *detectSettings[T]) { s.options = append(s.options, options...) }
}

// Detect makes a row of each match of a pattern in the rows of a key; package pattern says what matches are. Rows are
// put in the order of their event times first, those of the same time in the order in which they come: they are kept
// until the watermark is past them. Those that come late, behind it, are dropped. A match has the event time of the row
// that completes it, or lets it out when it has waited for others; the last millisecond of the pattern's time, if that
// does. combine gets the match to read, and may keep it.
//
// The name is the identity of the state in checkpoints, together with what the pattern's String says: a job does not
// go on from the partial matches of another pattern, unless it is allowed to drop them, but conditions, Within and
// AfterMatch may change. Partial matches are kept until they become matches, can become none any more, or time
// out: give the pattern Within, or they may be kept for ever.
func Detect[K comparable, T, Out any](
	s KeyedStream[K, T], name string, p pattern.Pattern[T], combine func(m *pattern.Match[T]) Out,
	options ...DetectOption[T],
) Stream[Out] {
	var settings detectSettings[T]
	for _, o := range options {
		o(&settings)
	}
	machine := sync.OnceValue(func() *nfa.Machine[T] { return nfa.Compile(p) })
	newDetector := func() ProcessFunc[T, Out] {
		return &detector[T, Out]{
			machine: machine(), shape: p.String(), combine: combine,
			late: settings.late, timedOut: settings.timedOut,
		}
	}
	sides := append(settings.late.ifAny(), settings.timedOut.ifAny()...)
	out, n := addProcess(s, "detect", name, sides, newDetector, settings.options)
	if err := p.Validate(); err != nil {
		s.job.graph.Mistake(fmt.Errorf("operator %q: %w", n.Name, err))
	}
	return out
}
