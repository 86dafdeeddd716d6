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
	// Channel is the one a batch came from.
	Channel int
	// Batch is a *flow.Batch, now the receiver's, or nil.
	Batch any
	// Watermark is the gate's new watermark, or flow.NoTime.
	Watermark int64
	// Status is a change of the whole gate: Idle when every channel is, Active after that.
	Status Status
	// Barrier has arrived on every channel, or nil.
	Barrier *Barrier
}

// Gate is the input of one subtask. Next is called by one goroutine; each sender is used by one.
type Gate struct {
	credit int
	wake   chan struct{} // holds a token when there may be something to receive

	mu     sync.Mutex
	queues []queue

	// Owned by the receiving goroutine.
	turn    int
	aligned int
	barrier Barrier // the one that is being aligned, while aligned > 0
	broken  error   // the channels do not agree; nothing is delivered any more
	state   []progress
	current progress
	pending []Event // expanded from one message, delivered up to next
	next    int
}

type queue struct {
	messages []Message // a ring of credit messages
	head, n  int
	blocked  bool          // its barrier has arrived, others' have not
	space    chan struct{} // holds a token when there may be credit again
}

type progress struct {
	watermark int64
	idle      bool
}

// NewGate returns a gate with the given number of channels, each of which takes credit messages.
func NewGate(channels, credit int) *Gate {
	g := &Gate{
		credit:  credit,
		wake:    make(chan struct{}, 1),
		queues:  make([]queue, channels),
		state:   make([]progress, channels),
		current: progress{watermark: flow.NoTime},
	}
	for i := range g.queues {
		g.queues[i] = queue{messages: make([]Message, credit), space: make(chan struct{}, 1)}
		g.state[i].watermark = flow.NoTime
	}
	return g
}

// Channels is the number of channels.
func (g *Gate) Channels() int { return len(g.queues) }

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
		if g.broken != nil {
			return Event{}, false
		}
		i, m, ok := g.take()
		if !ok {
			return Event{}, false
		}
		g.expand(i, m)
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
	case <-interrupt:
		return false, nil
	case <-expired:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// take removes a message, from the channels in turn so that none starves.
func (g *Gate) take() (int, Message, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range g.queues {
		i := g.turn
		g.turn = (g.turn + 1) % len(g.queues)
		q := &g.queues[i]
		if q.n == 0 || q.blocked {
			continue
		}
		m := q.messages[q.head]
		q.messages[q.head] = Message{}
		q.head = (q.head + 1) % g.credit
		q.n--
		q.blocked = m.Barrier != nil
		if q.n == g.credit/2 {
			signal(q.space) // not sooner: to wake a sender for every message costs more than the message
		}
		return i, m, true
	}
	return 0, Message{}, false
}

// expand turns a message into events and brings the gate's own progress up to date.
func (g *Gate) expand(i int, m Message) {
	g.pending, g.next = g.pending[:0], 0
	if m.Batch != nil {
		g.pending = append(g.pending, Event{Channel: i, Batch: m.Batch, Watermark: flow.NoTime})
	}
	if m.Status != Unchanged {
		g.state[i].idle = m.Status == Idle
	}
	if m.Watermark > g.state[i].watermark {
		g.state[i].watermark = m.Watermark
	}
	if m.Status != Unchanged || m.Watermark != flow.NoTime {
		g.advance()
	}
	if m.Barrier != nil {
		g.align(i, m.Barrier)
	}
}

// advance derives the gate's watermark and activity from the channels'.
func (g *Gate) advance() {
	least, idle := flow.EndOfTime, true
	for _, s := range g.state {
		if !s.idle {
			idle = false
			least = min(least, s.watermark)
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
	if g.aligned > 0 && *b != g.barrier {
		g.broken = fmt.Errorf("channel %d brought the barrier %+v, and another channel %+v: restart from a checkpoint",
			i, *b, g.barrier)
		return
	}
	g.barrier = *b
	g.aligned++
	if g.aligned < len(g.queues) {
		return
	}
	g.aligned = 0
	g.mu.Lock()
	for i := range g.queues {
		g.queues[i].blocked = false
	}
	g.mu.Unlock()
	g.pending = append(g.pending, Event{Barrier: b, Watermark: flow.NoTime})
}

// Sender returns the sending end of channel i.
func (g *Gate) Sender(i int) *Sender {
	if i < 0 || i >= len(g.queues) {
		panic(fmt.Sprintf("channel %d of %d", i, len(g.queues)))
	}
	return &Sender{gate: g, queue: &g.queues[i]}
}

// Sender puts messages into one channel of a gate.
type Sender struct {
	gate  *Gate
	queue *queue
}

// Send hands the message over, waiting for credit. It returns the context's cause if that ends first; the
// message is then still the caller's.
func (s *Sender) Send(ctx context.Context, m Message) error {
	for !s.TrySend(m) {
		select {
		case <-s.queue.space:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// TrySend is Send if there is credit now.
func (s *Sender) TrySend(m Message) bool {
	g, q := s.gate, s.queue
	g.mu.Lock()
	if q.n == g.credit {
		g.mu.Unlock()
		return false
	}
	q.messages[(q.head+q.n)%g.credit] = m
	q.n++
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
