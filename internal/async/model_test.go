package async

import (
	"cmp"
	"fmt"
	"slices"
)

// entry is what the model knows of a record in flight.
type entry struct {
	id      ID
	key     Key
	seq     int // of admission
	arrival int // of all that was thought of, also of what was never in flight
	place   int // in its key's queue: when it was admitted or entered
	epoch   int
	pending int
	derived bool
	held    bool // until all events before it have left
	// overtakes says that it need not wait for them.
	overtakes bool
	keyed     bool // it has a place
	inside    bool
	running   bool

	parks int // how often its function will still wait
	enter int // so many waits before the end it enters its key; more than parks: never
}

// model is the rules once more, as plainly as they can be said: it looks at all records for every question.
type model struct {
	entries    []*entry
	seq        int
	closed     int // events that came
	left       int // events that have left
	due        bool
	settled    bool
	maxFlights int
}

func (m *model) add(e *entry) {
	m.seq++
	e.seq, e.place = m.seq, m.seq
	m.entries = append(m.entries, e)
	m.maxFlights = max(m.maxFlights, len(m.entries))
}

func (m *model) remove(e *entry) {
	m.entries = slices.DeleteFunc(m.entries, func(o *entry) bool { return o == e })
}

func (m *model) find(id ID) *entry {
	for _, e := range m.entries {
		if e.id == id {
			return e
		}
	}
	return nil
}

func (m *model) busy(key Key) bool {
	return slices.ContainsFunc(m.entries, func(e *entry) bool { return e.keyed && e.key == key })
}

func (m *model) ready(overtakes bool) bool {
	return m.closed == m.left || overtakes && m.count(func(e *entry) bool { return e.held }) == 0
}

// leave says that the oldest event has left: those that waited for it alone get in line.
func (m *model) leave() {
	m.left++
	m.due, m.settled = false, false
	for _, e := range m.entries { // which are in the order of admission
		if e.held && e.epoch == m.left {
			m.seq++
			e.held, e.place = false, m.seq
		}
	}
}

// before says whether a must start before b, both of one key.
func (m *model) before(a, b *entry) bool {
	if a.running || a.derived != b.derived {
		return a.running || a.derived
	}
	if a.held != b.held {
		return b.held
	}
	return a.place < b.place
}

// mayStart says whether a record waits for nothing but its turn.
func (m *model) mayStart(e *entry) bool {
	if !e.keyed || e.running || e.pending > 0 || e.held {
		return false
	}
	return !slices.ContainsFunc(m.entries, func(o *entry) bool {
		return o != e && o.keyed && o.key == e.key && m.before(o, e)
	})
}

// next is the record that Next must return, or nil.
func (m *model) next() *entry {
	for _, e := range m.entries { // which are in the order of admission
		if m.mayStart(e) {
			return e
		}
	}
	return nil
}

func (m *model) count(is func(*entry) bool) (n int) {
	for _, e := range m.entries {
		if is(e) {
			n++
		}
	}
	return n
}

// isDue says whether the oldest event may be performed, and was not.
func (m *model) isDue() bool {
	return m.closed > m.left && !m.due && m.count(func(e *entry) bool { return !e.derived && e.epoch == m.left }) == 0
}

// leaves says whether the oldest event may be sent on.
func (m *model) leaves() bool {
	return m.settled && m.count(func(e *entry) bool { return e.derived }) == 0
}

// differs compares what can be asked at any time.
func (m *model) differs(c controller) string {
	inside := m.count(func(e *entry) bool { return e.inside })
	got := [...]int{c.InFlight(), c.Parked(), c.Queued()}
	if want := [...]int{len(m.entries), inside, len(m.entries) - inside}; got != want {
		return fmt.Sprintf("%v are in flight, inside, queued, and not %v", got, want)
	}
	for _, overtakes := range []bool{false, true} {
		if got, want := c.Ready(overtakes), m.ready(overtakes); got != want {
			return fmt.Sprintf("Ready(%v) is %v", overtakes, got)
		}
	}
	return ""
}

// differsAtABarrier compares what has not started.
func (m *model) differsAtABarrier(c controller) string {
	var unstarted, want []turn
	for id, event := range c.Unstarted() {
		unstarted = append(unstarted, turn{uint64(event), id})
	}
	for _, e := range m.entries {
		if !e.inside && !e.derived {
			want = append(want, turn{uint64(e.epoch), e.id})
		}
	}
	if !slices.Equal(unstarted, want) {
		return fmt.Sprintf("%v have not started, and not %v", unstarted, want)
	}
	if !slices.IsSortedFunc(want, func(a, b turn) int { return cmp.Compare(a.seq, b.seq) }) {
		return "epochs are out of order"
	}
	return ""
}
