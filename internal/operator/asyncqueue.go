package operator

import (
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
)

// asyncRow is a row that an outside service is asked about.
type asyncRow[In, Out any] struct {
	*asyncBatch[In]
	at    int // in the batch
	group *asyncGroup[In, Out]
	done  bool // there are results, or an error
	out   []Out
	err   error
}

// asyncBatch is a batch some of whose rows are in flight: it stays as it is until all of them are done.
type asyncBatch[In any] struct {
	batch *flow.Batch[In]
	users int
}

// asyncQueue are the rows that have come and whose results have not left, and the events between them. It decides what
// leaves next: events leave behind all rows before them and before all others, rows in the order in which they came, or,
// unordered, those between two events in the order in which they are done.
type asyncQueue[In, Out any] struct {
	unordered bool
	groups    []*asyncGroup[In, Out] // of rows between events; the last one is open
	rows      int
}

// asyncGroup are the rows up to an event.
type asyncGroup[In, Out any] struct {
	rows   []*asyncRow[In, Out] // in the order in which they came
	done   []*asyncRow[In, Out] // in the order in which they may leave, where that is another one
	end    milestone
	closed bool // it has its event
}

func newAsyncQueue[In, Out any](unordered bool) *asyncQueue[In, Out] {
	return &asyncQueue[In, Out]{unordered: unordered, groups: []*asyncGroup[In, Out]{{}}}
}

func (q *asyncQueue[In, Out]) last() *asyncGroup[In, Out] { return q.groups[len(q.groups)-1] }

// add adds a row.
func (q *asyncQueue[In, Out]) add(r *asyncRow[In, Out]) {
	r.group = q.last()
	r.group.rows = append(r.group.rows, r)
	q.rows++
}

// happens adds an event. A watermark directly behind another takes its place.
func (q *asyncQueue[In, Out]) happens(e milestone) {
	g := q.last()
	if n := len(q.groups); n > 1 && len(g.rows) == 0 {
		if before := q.groups[n-2]; before.end.isWatermark() && e.isWatermark() {
			before.end = e
			return
		}
	}
	g.end, g.closed = e, true
	q.groups = append(q.groups, &asyncGroup[In, Out]{})
}

// finish says that a row is done.
func (q *asyncQueue[In, Out]) finish(r *asyncRow[In, Out]) {
	r.done = true
	if q.unordered {
		r.group.done = append(r.group.done, r)
	}
}

// next takes out what may leave now: a row or an event; nil and nil if nothing may.
func (q *asyncQueue[In, Out]) next() (*asyncRow[In, Out], *milestone) {
	g := q.groups[0]
	if r := g.next(q.unordered); r != nil {
		q.rows--
		return r, nil
	}
	if len(g.rows) > 0 || !g.closed {
		return nil, nil
	}
	q.groups = q.groups[1:]
	return nil, &g.end
}

func (g *asyncGroup[In, Out]) next(unordered bool) (r *asyncRow[In, Out]) {
	switch {
	case unordered && len(g.done) > 0:
		r, g.done = g.done[0], g.done[1:]
		i := slices.Index(g.rows, r)
		g.rows = slices.Delete(g.rows, i, i+1)
	case !unordered && len(g.rows) > 0 && g.rows[0].done:
		r, g.rows = g.rows[0], g.rows[1:]
	}
	return r
}

// empty reports whether nothing has come that has not left.
func (q *asyncQueue[In, Out]) empty() bool { return q.rows == 0 && len(q.groups) == 1 }
