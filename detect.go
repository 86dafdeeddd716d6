package aquifer

import (
	"fmt"

	"github.com/aquifer-stream/aquifer/internal/operator"
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
	n := s.job.addNode("detect", name, s.edges(operator.Hash, s.hasher), settings.options)
	n.Outputs = []operator.RowType{operator.RowTypeOf[Out]()}
	late, timedOut := 0, 0 // places among the outputs
	if settings.late != nil {
		settings.late.attach(s.job, n)
		late = len(n.Outputs) - 1
	}
	if settings.timedOut != nil {
		settings.timedOut.attach(s.job, n)
		timedOut = len(n.Outputs) - 1
	}
	if err := p.Validate(); err != nil {
		s.job.graph.Mistake(fmt.Errorf("operator %q: %w", n.Name, err))
		return output[Out](s.job, n, 0)
	}
	newDetector := detectors(p, combine, wanted{settings.late != nil, settings.timedOut != nil})
	n.Keyed = operator.PlanProcess[K](n.Name, func() operator.ProcessFunc[T, detected[T, Out]] { return newDetector(nil) })
	n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
		return operator.NewProcess(env, detectedTo[T, Out](out, late, timedOut), s.key, newDetector(&env.Stats.Late))
	}
	return output[Out](s.job, n, 0)
}

// detected is a row of one of the outputs of a detection.
type detected[T, Out any] struct {
	match    Out
	late     *T
	timedOut *pattern.Match[T]
}

// detectedTo takes the outputs apart. A place of zero is that of none.
func detectedTo[T, Out any](out []any, late, timedOut int) *operator.Parting[detected[T, Out]] {
	parts := []operator.Part[detected[T, Out]]{
		operator.PartOf(operator.As[Out](out[0]), func(d *detected[T, Out]) *Out {
			if d.late != nil || d.timedOut != nil {
				return nil
			}
			return &d.match
		}),
	}
	if late > 0 {
		parts = append(parts, operator.PartOf(operator.As[T](out[late]),
			func(d *detected[T, Out]) *T { return d.late }))
	}
	if timedOut > 0 {
		parts = append(parts, operator.PartOf(operator.As[pattern.Match[T]](out[timedOut]),
			func(d *detected[T, Out]) *pattern.Match[T] { return d.timedOut }))
	}
	return operator.NewParting(parts...)
}
