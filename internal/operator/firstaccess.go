package operator

import "github.com/aquifer-stream/aquifer/internal/async"

// mayBegin says whether a row that has to wait does so at its first access to state, and not before it begins.
func (p *Process[K, In, Out]) mayBegin(l *load[In], i int) bool {
	return p.env.FirstAccess && p.flight.Ready(p.overtakes(l, i))
}

// FirstAccess implements flow.Engine: the row takes its place among those of its key, and sleeps until it has what was
// foreseen for it, and the rows have ended that came to use the key before it.
func (h *hand[K, In, Out]) FirstAccess() (slot uint32, ok bool) {
	p := h.process
	w, err := p.reader()
	if w == nil { // also on a goroutine that is not the call's: h is not its to write to
		return 0, false
	}
	if err != nil {
		h.denied = err
		return 0, false
	}
	l, pending := h.ticket.load, 0
	read := p.readOf(l, h.ticket.row)
	if read != nil {
		pending = 1
	}
	p.state.store.Hold(h.slot)
	h.id, h.flies = p.flight.Begin(), true
	l.users++
	if p.flight.Enter(h.id, async.Key(h.slot), pending) {
		return uint32(h.slot), true
	}
	if read != nil {
		read.ids = append(read.ids, h.id)
	}
	p.env.Stats.Waited.Add(1)
	p.entries[h.id] = w
	h.denied = p.sleep(w)
	return uint32(h.slot), h.denied == nil
}

// enters wakes a row that may use its key from now on.
func (p *Process[K, In, Out]) enters(id async.ID) {
	p.awake = append(p.awake, p.entries[id])
	delete(p.entries, id)
}
