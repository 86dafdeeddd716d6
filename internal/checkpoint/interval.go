package checkpoint

// Spent says what the checkpoint that is about to be stored has cost, in milliseconds.
type Spent struct {
	Checkpoint uint64
	Cost       float64
}

func (Spent) event() {}

// forgets is the weight, as 1/forgets, of a checkpoint that has cost less than those before.
const forgets = 4

// spent takes into account what a checkpoint has cost. One that has cost more counts at once, as if all did: that the
// bound is kept matters more than that there are as many checkpoints as it allows.
func (c *Coordinator) spent(e Spent) {
	if c.phase != storing || e.Checkpoint != c.last {
		return
	}
	c.cost = max(e.Cost, c.cost+(e.Cost-c.cost)/forgets)
	if c.wanted == "" {
		c.next = c.begun + c.EffectiveInterval()
	}
}

// settle ends the checkpoint at hand. A last one that is wanted does not wait for the pause.
func (c *Coordinator) settle() {
	c.phase = idle
	if c.wanted == "" {
		c.next = max(c.next, c.now+c.Pause)
	}
}

// EffectiveInterval is the time between checkpoints as it is now, in milliseconds: the interval, or more, so that they
// cost no more than they may. CheckFreq (FAST 2021) tunes the frequency of checkpoints by their measured cost, too.
func (c *Coordinator) EffectiveInterval() int64 {
	if c.Overhead <= 0 || c.Interval == 0 {
		return c.Interval
	}
	return max(c.Interval, int64(c.cost/c.Overhead))
}
