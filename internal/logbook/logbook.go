package logbook

import (
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/metric"
)

// Pause is the least time between two records of the same number, but for those at a restart and at the end.
const Pause = 10 * time.Second

// Logbook makes records of the events of one run. The zero value is one of a run that has not begun. It is not safe for
// concurrent use.
type Logbook struct {
	told    time.Duration   // when numbers were told last, since the run began
	before  []metric.Sample // the numbers then
	elapsed time.Duration   // the time that the run has taken
	now     []metric.Sample
	away    bool          // the store does not answer
	since   time.Duration // when it was found out
}

// Step returns the records that an event is worth.
func (l *Logbook) Step(e coordinator.Event) []Record {
	var records []Record
	switch e := e.(type) {
	case coordinator.Progress:
		l.elapsed, l.now = e.Elapsed, e.Metrics
		if l.elapsed-l.told >= Pause {
			records = l.tell()
		}
	case coordinator.Restarting:
		records = l.tell()
	case coordinator.Started:
		records = l.tell() // not before now: until then the numbers are those of the tasks that have ended
		l.begin(e.Operators)
	}
	if r, ok := Of(e); ok {
		records = append(records, r)
	}
	return records
}

// begin notes that what some operators count, or all for nil, begins again at 0.
func (l *Logbook) begin(uids []string) {
	l.before = slices.DeleteFunc(slices.Clone(l.before), func(s metric.Sample) bool {
		return slices.ContainsFunc(s.Labels, func(label metric.Label) bool {
			return label.Name == "operator" && (uids == nil || slices.Contains(uids, label.Value))
		})
	})
	l.now = l.before // should the run end before there are others
}

// End returns the last records of a run.
func (l *Logbook) End(r coordinator.Result, err error) []Record {
	return append(l.tell(), Outcome(r, err))
}

// tell returns the records of what the numbers say since they were told last.
func (l *Logbook) tell() []Record {
	d := difference{l.before, l.now, l.elapsed - l.told}
	records := append(l.store(d), d.summaries()...)
	l.before, l.told = l.now, l.elapsed
	return records
}
