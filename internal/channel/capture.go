package channel

import (
	"slices"
	"time"
)

// Line is a channel as a barrier has found it: what it had come to, and what was queued in it. Lines that have been
// restored keep who sent them.
type Line struct {
	// Channel is its number in the gate; negative for one that was restored.
	Channel int
	// Input is the receiver's that it is of, Subtask which one sent into it.
	Input, Subtask int
	// Watermark and Idle are what it had said before its messages.
	Watermark int64
	Idle      bool
	// Messages have no barriers. Their batches are copies, and nobody else's.
	Messages []Message
}

// Captured is what a barrier has overtaken. It is written by the gate until it is complete, and then by nobody.
type Captured struct {
	// Generations are to be restored one after the other: those that had been restored and not been processed, and
	// last the gate's own channels.
	Generations [][]Line
	// Front comes before them: what the receiver had taken and not begun.
	Front []Line

	missing  int // channels whose barrier has not come
	complete chan struct{}
	barrier  Barrier
}

// InFront returns what was captured with lines in front of all: what the receiver had taken, and will process behind
// the barrier. Without anything captured, c is nil and the lines are all.
func (c *Captured) InFront(lines ...Line) *Captured {
	if c == nil {
		c = &Captured{Generations: [][]Line{nil}, complete: make(chan struct{})}
		close(c.complete)
	}
	c.Front = append(c.Front, lines...)
	return c
}

// All are the generations, once they are complete.
func (c *Captured) All() [][]Line {
	if len(c.Front) == 0 {
		return c.Generations
	}
	return append([][]Line{c.Front}, c.Generations...)
}

// Complete is closed when the barrier has come on every channel.
func (c *Captured) Complete() <-chan struct{} { return c.complete }

// Empty reports whether nothing was overtaken, once it is complete.
func (c *Captured) Empty() bool {
	for _, lines := range c.All() {
		for _, l := range lines {
			if len(l.Messages) > 0 {
				return false
			}
		}
	}
	return true
}

// overtake lets the oldest barrier that has come pass everything that is queued, which is copied; what still comes in
// front of it in other channels will be. It is nil if no barrier is there. The mutex is held.
func (g *Gate) overtake() *Captured {
	b, ok := g.oldest()
	if !ok {
		return nil
	}
	c := &Captured{barrier: b, complete: make(chan struct{})}
	for _, lines := range g.old {
		c.Generations = append(c.Generations, g.copied(lines))
	}
	lines := make([]Line, len(g.queues))
	c.Generations = append(c.Generations, lines)
	for i := range g.queues {
		lines[i] = g.state[i]
		if !g.pass(&g.queues[i], &lines[i]) {
			c.missing++
		}
	}
	g.aligned = 0
	if c.missing == 0 {
		close(c.complete)
	} else {
		g.capture = c
	}
	return c
}

// oldest is the barrier that the channels that have brought one have brought first.
func (g *Gate) oldest() (b Barrier, ok bool) {
	if g.aligned > 0 {
		return g.barrier, true
	}
	for i := range g.queues {
		q := &g.queues[i]
		if at := q.barrier(); at < q.n {
			return *q.at(at).Barrier, true
		}
	}
	return b, false
}

// pass lets the barrier pass what is in a channel. It reports whether the barrier has come there.
func (g *Gate) pass(q *queue, l *Line) bool {
	if q.blocked { // all before it has been taken
		q.blocked = false
		return true
	}
	at := q.barrier()
	for i := range at {
		g.copyTo(l, *q.at(i))
	}
	if at == q.n {
		q.recording = l
		return false
	}
	m := q.at(at)
	m.Barrier = nil
	g.copyTo(l, *m)
	return true
}

// copyTo adds a copy of a message to a line, unless it carries nothing.
func (g *Gate) copyTo(l *Line, m Message) {
	if m.isEmpty() {
		return
	}
	if m.Batch != nil {
		m.Batch = g.rows.Copy(l.Input, m.Batch)
	}
	l.Messages = append(l.Messages, m)
}

// copied are lines with copies of their messages.
func (g *Gate) copied(lines []Line) []Line {
	all := make([]Line, len(lines))
	for i, l := range lines {
		all[i] = l
		all[i].Messages = nil
		for _, m := range l.Messages {
			g.copyTo(&all[i], m)
		}
	}
	return all
}

// record copies what comes in front of a barrier that has passed elsewhere. It returns what remains of the message: the
// barrier is not for the receiver any more. The mutex is held.
func (g *Gate) record(i int, m Message) Message {
	q, c, b := &g.queues[i], g.capture, m.Barrier
	m.Barrier = nil
	g.copyTo(q.recording, m)
	if b == nil {
		return m
	}
	if !b.same(c.barrier) {
		g.differ(i, *b, c.barrier)
		return m
	}
	q.recording = nil
	if c.missing--; c.missing == 0 {
		g.capture = nil
		close(c.complete)
		g.hurry()
	}
	return m
}

// hurry sets the time for the next barrier, if one has come. The mutex is held.
func (g *Gate) hurry() {
	b, ok := g.oldest()
	if !ok || !g.mayOvertake() {
		return
	}
	if !b.Overtake.IsZero() {
		g.urgency.By(b.Overtake)
	}
	if g.patience >= 0 && !b.Drains {
		g.urgency.By(time.Now().Add(g.patience))
	}
	if b.Above > 0 && !g.urgency.Is() && g.queued()+g.taken() > b.Above {
		g.urgency.By(time.Now())
	}
}

// mayOvertake reports whether the barrier has come on the channels that it does not overtake.
func (g *Gate) mayOvertake() bool {
	for i := range g.queues {
		if q := &g.queues[i]; q.aligns && !q.blocked {
			return false
		}
	}
	return true
}

// queued is about how many bytes of rows wait in all channels.
func (g *Gate) queued() (bytes int64) {
	for i := range g.queues {
		q := &g.queues[i]
		for n := range q.n {
			if b := q.at(n).Batch; b != nil {
				bytes += g.rows.Bytes(g.state[i].Input, b)
			}
		}
	}
	return bytes
}

// Restore gives the gate what barriers had overtaken before it was made. All of it is delivered before anything that is
// sent, one generation after the other, with the watermarks that the lines of a generation agree on. One without lines
// agrees on nothing. It is called by the receiver before Next.
func (g *Gate) Restore(generations [][]Line) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.old = slices.DeleteFunc(generations, func(lines []Line) bool { return len(lines) == 0 })
}
