package scheduled

import (
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Limits are how many requests may be under way at a time.
type Limits struct {
	// Total is the limit for all purposes together.
	Total int
	// Most are those of each purpose, Least the part of Total that is kept free for it.
	Most, Least [objstore.Purposes]int
}

// Check refuses limits under which a request would wait for ever.
func (l Limits) Check() error {
	kept := 0
	for p := range objstore.Purposes {
		if l.Least[p] < 1 || l.Most[p] < l.Least[p] {
			return base.Errorf(base.Config, "between %d and %d requests for the purpose %q: there must be at least one",
				l.Least[p], l.Most[p], objstore.Purpose(p))
		}
		kept += l.Least[p]
	}
	if kept > l.Total {
		return base.Errorf(base.Config, "%d requests in all are fewer than the %d that are kept for one purpose each",
			l.Total, kept)
	}
	return nil
}

// ticket is a request that wants to be made.
type ticket struct {
	purpose objstore.Purpose
	ready   chan struct{} // closed when it has been granted, by whoever steps the queue
}

// queue decides which requests are under way. It is stepped by its owner and knows neither time nor goroutines.
type queue struct {
	limits  Limits
	running [objstore.Purposes]int
	waiting [objstore.Purposes][]*ticket
}

// take begins a request at once, if there is room. Then none that is more urgent could use it.
func (q *queue) take(p objstore.Purpose) bool {
	if len(q.waiting[p]) > 0 || !q.room(int(p)) {
		return false
	}
	q.running[p]++
	return true
}

// arrive adds a request and returns those that may begin.
func (q *queue) arrive(t *ticket) []*ticket {
	q.waiting[t.purpose] = append(q.waiting[t.purpose], t)
	return q.grant()
}

// finish notes the end of a request and returns those that may begin.
func (q *queue) finish(p objstore.Purpose) []*ticket {
	q.running[p]--
	return q.grant()
}

// withdraw takes back a request; it is false if the request has been granted.
func (q *queue) withdraw(t *ticket) bool {
	i := slices.Index(q.waiting[t.purpose], t)
	if i < 0 {
		return false
	}
	q.waiting[t.purpose] = slices.Delete(q.waiting[t.purpose], i, i+1)
	return true
}

// grant takes what may begin out of the queue, the most urgent first.
func (q *queue) grant() (granted []*ticket) {
	for p := range objstore.Purposes {
		for len(q.waiting[p]) > 0 && q.room(p) {
			granted = append(granted, q.waiting[p][0])
			q.waiting[p] = slices.Delete(q.waiting[p], 0, 1)
			q.running[p]++
		}
	}
	return granted
}

// room reports whether one more request may begin: within what is kept for its purpose, or within what is left when
// that of the others is kept.
func (q *queue) room(p int) bool {
	if q.running[p] >= q.limits.Most[p] {
		return false
	}
	if q.running[p] < q.limits.Least[p] {
		return true
	}
	left := q.limits.Total
	for o := range objstore.Purposes {
		left -= max(q.running[o], q.limits.Least[o])
	}
	return left > 0
}

// urgent reports whether there are requests that records or checkpoints wait for.
func (q *queue) urgent() bool {
	n := 0
	for _, p := range []objstore.Purpose{objstore.Record, objstore.Checkpoint} {
		n += q.running[p] + len(q.waiting[p])
	}
	return n > 0
}
