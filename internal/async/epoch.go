package async

import (
	"cmp"
	"iter"
	"slices"
)

// Close takes an event: it ends the open epoch, and another one is open.
func (c *Controller) Close() EventID {
	e := c.open()
	c.epoch(e).closed = true
	c.epochs.push(epoch{})
	return e
}

// Due returns the oldest event, once, when all records before it have ended. The caller performs it from now on.
func (c *Controller) Due() (event EventID, ok bool) {
	e := c.epoch(c.oldest)
	if !e.closed || e.due || e.left > 0 {
		return 0, false
	}
	e.due = true
	return c.oldest, true
}

// Settle says that the event that is due has been performed: only its derived records may still derive others.
func (c *Controller) Settle() { c.epoch(c.oldest).settled = true }

// Leave returns the event that is due, once, when it is settled and all that was derived from it has ended. The
// caller sends it on, and the next event is the oldest.
func (c *Controller) Leave() (event EventID, ok bool) {
	e := c.epoch(c.oldest)
	if !e.settled || e.derived > 0 {
		return 0, false
	}
	event = c.oldest
	c.epochs.pop()
	c.oldest++
	c.release(c.epoch(c.oldest))
	return event, true
}

// Unstarted yields the records that have not started, in the order in which they came, each with the event that
// ends its epoch: what a barrier saves. Derived ones are left out: their event has not left, and whoever performs
// it again derives them again. The controller must not be changed meanwhile. It allocates.
func (c *Controller) Unstarted() iter.Seq2[ID, EventID] {
	return func(yield func(ID, EventID) bool) {
		var turns []turn
		for i := range c.records {
			if r := &c.records[i]; r.keyed && !r.inside && !r.derived {
				turns = append(turns, turn{r.seq, ID(i)})
			}
		}
		slices.SortFunc(turns, func(a, b turn) int { return cmp.Compare(a.seq, b.seq) })
		for _, t := range turns {
			if !yield(t.id, c.records[t.id].epoch) {
				return
			}
		}
	}
}

// NextDerived is Next of derived records only: while a barrier lets no other begin. It looks at all records.
func (c *Controller) NextDerived() (id ID, ok bool) {
	for i := range c.records {
		if r := &c.records[i]; r.derived && r.stage == isReady && (id == 0 || r.seq < c.records[id].seq) {
			id = ID(i)
		}
	}
	if id != 0 {
		c.run(id)
	}
	return id, id != 0
}

// Oldest is the event that leaves next.
func (c *Controller) Oldest() EventID { return c.oldest }

// open is the event that will end the open epoch.
func (c *Controller) open() EventID { return c.oldest + EventID(c.epochs.len()-1) }

func (c *Controller) epoch(e EventID) *epoch { return c.epochs.at(int(e - c.oldest)) }

// runs says whether a record of an epoch may start. None overtakes those that are held back: some may be of its key.
func (c *Controller) runs(e EventID, overtakes bool) bool {
	return e == c.oldest || overtakes && c.held == 0
}

// hold keeps a record of an epoch that may not run out of its key's queue, where it would be in the way.
func (c *Controller) hold(e *epoch, id ID) {
	if e.lastHeld == 0 {
		e.firstHeld = id
	} else {
		c.records[e.lastHeld].next = id
	}
	e.lastHeld = id
	c.held++
}

// release puts the records of an epoch that may run from now on into the queues of their keys.
func (c *Controller) release(e *epoch) {
	for id := e.firstHeld; id != 0; {
		r := &c.records[id]
		next := r.next
		r.next = 0
		c.held--
		c.append(c.keys.find(r.key), id)
		id = next
	}
}
