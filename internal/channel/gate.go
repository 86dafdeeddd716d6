package channel

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// Event is what a subtask gets from its gate: exactly one of its parts.
type Event struct {
	// Channel is the one a batch came from; negative for one that was restored. Input is that of its line.
	Channel, Input int
	// Batch is a *flow.Batch, now the receiver's, or nil.
	Batch any
	// Watermark is the gate's new watermark, or flow.NoTime.
	Watermark int64
	// Status is a change of the whole gate: Idle when every channel is, Active after that.
	Status Status
	// Barrier has arrived on every channel, or has overtaken what is Captured; or nil.
	Barrier  *Barrier
	Captured *Captured
}

// Gate is the input of one subtask. Next is called by one goroutine; each sender is used by one.
type Gate struct {
	credit int
	wake   chan struct{} // holds a token when there may be something to receive
	rows   Rows

	// patience is how long a barrier is waited for at most, if it may leave rows in flight; negative for as long as it says.
	patience time.Duration
	// taken is about how many bytes of rows the receiver has taken that wait there.
	taken func() int64
	// urgency is begun when a barrier has to overtake. Senders of the receiver's own rows look at it too.
	urgency Urgency

	mu      sync.Mutex
	debloat debloater
	queues  []queue
	capture *Captured // that is not complete, or nil
	wrong   error     // found by a sender

	// Owned by the receiving goroutine.
	turn    int
	aligned int
	barrier Barrier // the one that is being aligned, while aligned > 0
	handed  bool    // the last event was a barrier
	broken  error   // the channels do not agree; nothing is delivered any more
	state   []Line
	old     [][]Line // what is restored
	begun   bool     // the first of these
	current progress
	pending []Event // expanded from one message, delivered up to next
	next    int
}

type progress struct {
	watermark int64
	idle      bool
}

// Rows are what a gate must know of batches for barriers to overtake them, by the input that they come by. Gates without
// get no such barriers.
type Rows struct {
	// Copy returns a copy of a batch.
	Copy func(input int, batch any) any
	// Bytes is about how many bytes of memory a batch takes. It is safe for concurrent use.
	Bytes func(input int, batch any) int64
}

// Origin is where a channel begins: an input of the receiver, and the subtask that sends.
type Origin struct {
	Input, Subtask int
	// Aligns says that no barrier overtakes the channel's rows: one that is in a hurry waits until it has come there.
	Aligns bool
}

// NewGate returns a gate with a channel for each origin, which takes credit messages.
func NewGate(origins []Origin, credit int, rows Rows) *Gate {
	channels := len(origins)
	g := &Gate{
		credit: credit,
		wake:   make(chan struct{}, 1),
		rows:   rows, patience: -1, taken: func() int64 { return 0 },
		queues:  make([]queue, channels),
		state:   make([]Line, channels),
		current: progress{watermark: flow.NoTime},
	}
	g.debloat.start(channels * credit)
	for i, o := range origins {
		g.queues[i] = newQueue(credit, o.Aligns)
		g.state[i] = Line{Channel: i, Input: o.Input, Subtask: o.Subtask, Watermark: flow.NoTime}
	}
	return g
}

// Hasten bounds how long a barrier that does not drain waits for what is queued in front of it, whatever it says itself. It
// is called before anything is sent.
func (g *Gate) Hasten(patience time.Duration) { g.patience = patience }

// CountTaken makes what the receiver has taken and not ended, in bytes, count as queued. The function is safe for concurrent
// use. CountTaken is called before anything is sent.
func (g *Gate) CountTaken(bytes func() int64) { g.taken = bytes }

// Channels is the number of channels.
func (g *Gate) Channels() int { return len(g.queues) }

// Urgency is begun while a barrier waits that has to overtake, until the receiver asks for what follows it: what the
// receiver sends meanwhile must not wait for credit.
func (g *Gate) Urgency() *Urgency { return &g.urgency }

// Next returns the next event. When there is none it waits for one, for a signal on interrupt or for the
// deadline (the zero time: none), and returns false after the latter two. Its errors are the context's cause, and
// that channels brought barriers of different checkpoints.
func (g *Gate) Next(ctx context.Context, interrupt <-chan struct{}, deadline time.Time) (Event, bool, error) {
	for {
		if e, ok := g.TryNext(); ok {
			return e, true, nil
		}
		if g.broken != nil {
			return Event{}, false, g.broken
		}
		woken, err := g.wait(ctx, interrupt, deadline)
		if err != nil || !woken {
			return Event{}, false, err
		}
	}
}

// TryNext returns the next event if there is one already. An error is left to Next.
func (g *Gate) TryNext() (Event, bool) {
	for {
		if g.next < len(g.pending) {
			g.next++
			return g.pending[g.next-1], true
		}
		if g.broken != nil || !g.step() {
			return Event{}, false
		}
	}
}

// wait blocks until something may have arrived (true), or the caller is wanted elsewhere.
func (g *Gate) wait(ctx context.Context, interrupt <-chan struct{}, deadline time.Time) (bool, error) {
	var expired <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-g.wake:
		return true, nil
	case <-g.urgency.Begun():
		return true, nil
	case <-interrupt:
		return false, nil
	case <-expired:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// step makes events of what is next. It reports false if there is nothing.
func (g *Gate) step() bool {
	g.pending, g.next = g.pending[:0], 0
	g.mu.Lock()
	if c := g.urgent(); c != nil {
		g.mu.Unlock()
		g.handed = true
		g.pending = append(g.pending, Event{Barrier: &c.barrier, Captured: c, Watermark: flow.NoTime})
		return true
	}
	if g.broken = g.wrong; g.broken != nil {
		g.mu.Unlock()
		return false
	}
	if len(g.old) > 0 {
		g.mu.Unlock()
		g.restore()
		return true
	}
	i, m, ok := g.take()
	g.mu.Unlock()
	if ok {
		g.expand(&g.state[i], m)
	}
	return ok
}

// TryUrgent returns the event of a barrier that overtakes, if there is one: the receiver has no room for anything else.
// A watermark that would be next comes behind it. It need not be captured, because it is what the lines agree on.
func (g *Gate) TryUrgent() (Event, bool) {
	if g.broken != nil || !g.urgency.Is() {
		return Event{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.urgent()
	if c == nil {
		return Event{}, false
	}
	g.handed = true
	return Event{Barrier: &c.barrier, Captured: c, Watermark: flow.NoTime}, true
}

// Passed says that the barrier that came last has been dealt with. What comes next says so, too.
func (g *Gate) Passed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passed()
}

// passed lets the next barrier be urgent. The mutex is held.
func (g *Gate) passed() {
	if !g.handed {
		return
	}
	g.handed = false
	g.urgency.Over()
	if g.capture == nil {
		g.hurry()
	}
}

// urgent overtakes, if a barrier is to. The mutex is held.
func (g *Gate) urgent() *Captured {
	g.passed()
	if g.capture != nil || !g.urgency.Is() {
		return nil
	}
	c := g.overtake()
	if c == nil {
		g.urgency.Over()
	}
	return c
}

// take removes a message, from the channels in turn so that none starves. The mutex is held.
func (g *Gate) take() (int, Message, bool) {
	for range g.queues {
		i := g.turn
		g.turn = (g.turn + 1) % len(g.queues)
		q := &g.queues[i]
		if q.n == 0 || q.blocked {
			continue
		}
		m := q.pop()
		q.blocked = m.Barrier != nil
		if b, ok := m.Batch.(interface{ Len() int }); ok {
			g.debloat.take(b.Len(), time.Now())
		}
		if q.n == g.credit/2 {
			signal(q.space) // not sooner: to wake a sender for every message costs more than the message
		}
		return i, m, true
	}
	g.debloat.empty()
	return 0, Message{}, false
}

// restore makes events of a message that is restored, or goes on to the next generation.
func (g *Gate) restore() {
	lines := g.old[0]
	if !g.begun {
		g.begun = true
		g.advance(lines)
		return
	}
	for i := range lines {
		if l := &lines[i]; len(l.Messages) > 0 {
			m := l.Messages[0]
			l.Messages = l.Messages[1:]
			g.expand(l, m)
			return
		}
	}
	if g.old, g.begun = g.old[1:], false; len(g.old) == 0 {
		g.advance(g.state) // what was idle is not any more, as far as is known
	}
}

// lines are the channels that agree on the watermark now.
func (g *Gate) lines() []Line {
	if len(g.old) > 0 {
		return g.old[0]
	}
	return g.state
}

// expand turns a message into events and brings the gate's own progress up to date.
func (g *Gate) expand(l *Line, m Message) {
	if m.Batch != nil {
		g.pending = append(g.pending, Event{Channel: l.Channel, Input: l.Input, Batch: m.Batch, Watermark: flow.NoTime})
	}
	if m.Status != Unchanged {
		l.Idle = m.Status == Idle
	}
	if m.Watermark > l.Watermark {
		l.Watermark = m.Watermark
	}
	if m.Status != Unchanged || m.Watermark != flow.NoTime {
		g.advance(g.lines())
	}
	if m.Barrier != nil {
		g.align(l.Channel, m.Barrier)
	}
}

// advance derives the gate's watermark and activity from those of the channels.
func (g *Gate) advance(lines []Line) {
	least, idle := flow.EndOfTime, true
	for i := range lines {
		if l := &lines[i]; !l.Idle {
			idle = false
			least = min(least, l.Watermark)
		}
	}
	if idle != g.current.idle {
		g.current.idle = idle
		status := Active
		if idle {
			status = Idle
		}
		g.pending = append(g.pending, Event{Status: status, Watermark: flow.NoTime})
	}
	if !idle && least > g.current.watermark {
		g.current.watermark = least
		g.pending = append(g.pending, Event{Watermark: least})
	}
}

// align counts the barrier and, when it has come on all channels, delivers it and lets them go on. Barriers are
// asked of all sources or of none, so those that meet are of one checkpoint; a snapshot between others would be of
// no moment at all, and is refused.
func (g *Gate) align(i int, b *Barrier) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.aligned > 0 && !b.same(g.barrier) {
		g.differ(i, *b, g.barrier)
		g.broken = g.wrong
		return
	}
	g.barrier = *b
	g.aligned++
	last := g.aligned == len(g.queues)
	if g.capture == nil && (last || g.queues[i].aligns) {
		g.hurry() // it may not have been allowed to before, or the receiver has taken more meanwhile
	}
	if !last {
		return
	}
	g.aligned = 0
	for i := range g.queues {
		g.queues[i].blocked = false
	}
	g.handed = true
	g.pending = append(g.pending, Event{Barrier: b, Watermark: flow.NoTime})
}

// differ notes barriers that should be the same and are not. The mutex is held.
func (g *Gate) differ(i int, b, other Barrier) {
	g.wrong = fmt.Errorf("channel %d brought the barrier %+v, and another channel %+v: restart from a checkpoint",
		i, b, other)
}

// Sender returns the sending end of channel i.
func (g *Gate) Sender(i int) *Sender {
	if i < 0 || i >= len(g.queues) {
		panic(fmt.Sprintf("channel %d of %d", i, len(g.queues)))
	}
	return &Sender{gate: g, number: i, queue: &g.queues[i]}
}

// Sender puts messages into one channel of a gate.
type Sender struct {
	gate   *Gate
	number int
	queue  *queue
}

// Portion is how many rows a batch may have if the receiver is not to be given more than it can take for a while. It
// changes, and is at least one.
func (s *Sender) Portion() int { return int(s.gate.debloat.most.Load()) }

// Send hands the message over, waiting for credit, at most until hurry: then it goes without. It returns the context's
// cause if that ends first; the message is then still the caller's.
func (s *Sender) Send(ctx context.Context, m Message, hurry <-chan struct{}) error {
	for !s.TrySend(m) {
		select {
		case <-s.queue.space:
		case <-hurry:
			s.put(m, true)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// TrySend is Send if there is credit now.
func (s *Sender) TrySend(m Message) bool { return s.put(m, false) }

func (s *Sender) put(m Message, overdraw bool) bool {
	g, q := s.gate, s.queue
	g.mu.Lock()
	if q.n >= g.credit && !overdraw {
		g.mu.Unlock()
		return false
	}
	if q.recording != nil {
		m = g.record(s.number, m)
	}
	if !m.isEmpty() || m.Barrier != nil {
		q.push(m)
	}
	if m.Barrier != nil && g.capture == nil {
		g.hurry()
	}
	g.mu.Unlock()
	signal(g.wake)
	return true
}

// signal leaves a token unless one is there.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
