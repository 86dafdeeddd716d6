package checkpoint

import "fmt"

// Ticket tells a request from all others of a run. Zero is nobody's: it gets no answer.
type Ticket uint64

// Request asks for a checkpoint of its own as soon as none is under way, or for the last one.
type Request struct {
	Now    int64
	Reason Reason
	Ticket Ticket
}

// Ended says that the tasks have ended, for whatever cause: what has not been answered never comes about.
type Ended struct{ Cause string }

// Answer tells whoever holds a ticket what became of the request. Each ticket is answered once.
type Answer struct {
	Ticket Ticket
	// Checkpoint is the one that was stored; zero for none.
	Checkpoint uint64
	// Failure says why there is none.
	Failure string
}

func (Request) event() {}
func (Ended) event()   {}
func (Answer) action() {}

// MaxWaiting is how many requests may wait for their turn.
const MaxWaiting = 16

// refused is what requests hear that come, or still wait, when the last checkpoint is wanted.
const refused = "the tasks are about to end: no checkpoint follows their last"

// request takes a request in. The first one for a last checkpoint wins; those that wait will have no turn.
func (c *Coordinator) request(r Request) []Action {
	c.now = max(c.now, r.Now)
	switch {
	case c.ending():
		return append(refuse(r.Ticket, refused), c.due()...)
	case r.Reason.Last():
		c.wanted, c.next, c.asker = r.Reason, c.now, r.Ticket
		return append(c.refuseWaiting(refused), c.due()...)
	case len(c.waiting) >= MaxWaiting:
		return append(refuse(r.Ticket, fmt.Sprintf("%d requests wait for their turn already", MaxWaiting)), c.due()...)
	}
	c.waiting = append(c.waiting, r)
	return c.due()
}

// ending reports whether a last checkpoint is wanted or taken.
func (c *Coordinator) ending() bool { return c.wanted != "" || c.closing != "" }

// ready reports whether a checkpoint is to begin.
func (c *Coordinator) ready() bool {
	switch {
	case c.phase != idle || c.closing != "" || c.down > 0:
		return false
	case c.wanted == "" && len(c.waiting) > 0:
		return true
	}
	return c.now >= c.next && (c.Interval > 0 || c.wanted != "")
}

// choose says why the checkpoint that begins is taken, and for whom.
func (c *Coordinator) choose() (Reason, Ticket) {
	switch {
	case c.wanted != "":
		return c.wanted, c.asker
	case len(c.waiting) > 0:
		r := c.waiting[0]
		c.waiting = c.waiting[1:]
		return r.Reason, r.Ticket
	}
	return ReasonPeriodic, 0
}

// answer tells the holder of the ticket at hand, if there is one.
func (c *Coordinator) answer(id uint64, failure string) []Action {
	t := c.ticket
	c.ticket = 0
	if t == 0 {
		return nil
	}
	if t == c.asker {
		c.asker = 0
	}
	return []Action{Answer{t, id, failure}}
}

func refuse(t Ticket, why string) []Action {
	if t == 0 {
		return nil
	}
	return []Action{Answer{Ticket: t, Failure: why}}
}

// refuseWaiting answers all that have had no turn.
func (c *Coordinator) refuseWaiting(why string) (actions []Action) {
	for _, r := range c.waiting {
		actions = append(actions, refuse(r.Ticket, why)...)
	}
	c.waiting = nil
	return actions
}

// end answers all that there is to be answered: nothing follows.
func (c *Coordinator) end(why string) []Action {
	c.phase = over
	actions := c.answer(0, why)
	actions = append(actions, refuse(c.asker, why)...)
	c.asker = 0
	return append(actions, c.refuseWaiting(why)...)
}
