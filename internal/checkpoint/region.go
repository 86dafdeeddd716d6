package checkpoint

// Lost says that the tasks of a region have ended with a failure. Nothing is taken until they run again.
type Lost struct {
	Region int
	Cause  string
}

// Regained says that a region runs again, from the newest checkpoint that is stored.
type Regained struct {
	Now    int64
	Region int
}

func (Lost) event()     {}
func (Regained) event() {}

// Restart asks for the tasks of a region to be started again, from the newest checkpoint that is stored.
type Restart struct {
	Region int
	Cause  string
}

func (Restart) action() {}

// lose gives up the checkpoint at hand, which counts for nothing. That the sources had ended is not true any more.
func (c *Coordinator) lose(l Lost) (actions []Action) {
	c.down++
	c.lost = append(c.lost, l)
	if c.wanted == ReasonEnd {
		c.wanted = ""
	}
	if c.phase == taking {
		c.settle()
		actions = append(actions, Abort{c.last, l.Cause})
		if c.reason.asked() {
			actions = append(actions, c.answer(0, l.Cause)...)
		}
	}
	return append(actions, c.due()...)
}

// restarts lets regions be restarted, but not while it is open which checkpoint they go on from. After the last one
// there is nothing for them to do.
func (c *Coordinator) restarts() (actions []Action) {
	if c.phase != idle || c.closing != "" {
		return nil
	}
	for _, l := range c.lost {
		actions = append(actions, Restart(l))
	}
	c.lost = nil
	return actions
}

// regain lets checkpoints be taken again, when all regions run.
func (c *Coordinator) regain(r Regained) []Action {
	c.At(r.Now)
	if c.down--; c.wanted != "" {
		c.next = c.now
	}
	return c.due()
}
