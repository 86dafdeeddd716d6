package operator

import (
	"context"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// Exchange is how rows are spread over the subtasks of the next task.
type Exchange uint8

const (
	// Forward sends the rows of subtask i to subtask i.
	Forward Exchange = iota
	// Rebalance sends batches to all subtasks in turn.
	Rebalance
	// Hash sends a row to the subtask that owns its key group.
	Hash
	// Broadcast sends all rows to all subtasks. No barrier overtakes them: they change state that every subtask has, and
	// subtasks that have seen different rows could not be made fewer or more.
	Broadcast
)

// WriterConfig says where the rows at the end of a chain go.
type WriterConfig struct {
	// Context ends when the task must stop.
	Context context.Context
	// To are the channels, one for each receiving subtask (for Forward: one).
	To       []*channel.Sender
	Exchange Exchange
	// Hasher is a func(*flow.Batch[T]) that fills in the hashes of the keys; for Hash only.
	Hasher any
	// MaxParallelism is the number of key groups.
	MaxParallelism int
	// BatchBytes is about how many bytes a batch may take that is filled for one of several subtasks; zero for as many as come.
	BatchBytes int64
	// FlushAfter bounds how long a row waits for others to fill its batch.
	FlushAfter time.Duration
	// Urgency, if there is one, is begun when nothing must wait for credit; nil for never.
	Urgency *channel.Urgency
	// Blocked is told how long a send had to wait for credit.
	Blocked func(time.Duration)
}

// writer collects the rows for each receiving subtask into batches and sends these.
type writer[T any] struct {
	WriterConfig
	pool    Pool[T]
	portion portion[T]
	hash    func(*flow.Batch[T])
	targets []target[T]
	turn    int
	route   []uint16 // by key group: the subtask that owns it

	watermark int64     // the newest
	due       time.Time // when what is buffered must go; zero for nothing buffered
	rush      bool      // nothing waits for credit
}

type target[T any] struct {
	send      *channel.Sender
	pending   *flow.Batch[T]
	room      int   // rows that pending may have
	watermark int64 // the newest that was sent
}

func newWriter[T any](c WriterConfig) *writer[T] {
	w := &writer[T]{WriterConfig: c, pool: PoolOf[T](), portion: newPortion[T](c.BatchBytes), watermark: flow.NoTime}
	for _, s := range c.To {
		w.targets = append(w.targets, target[T]{send: s, watermark: flow.NoTime})
	}
	if c.Exchange == Hash {
		w.hash = c.Hasher.(func(*flow.Batch[T]))
		w.route = make([]uint16, c.MaxParallelism)
		for g := range w.route {
			w.route[g] = uint16(base.SubtaskOf(base.KeyGroup(g), len(c.To), c.MaxParallelism))
		}
	}
	return w
}

// Batch takes rows to be sent at once if they fill a batch, or by the time that FlushAfter sets.
func (w *writer[T]) Batch(b *flow.Batch[T]) error {
	if len(b.Rows) == 0 {
		w.pool.Put(b)
		return nil
	}
	if w.due.IsZero() {
		w.due = time.Now().Add(w.FlushAfter)
	}
	if w.hash != nil {
		w.hash(b)
		if len(w.targets) > 1 {
			return w.scatter(b)
		}
	}
	if w.Exchange == Broadcast {
		return w.spread(b)
	}
	sent, err := w.pass(b, &w.targets[w.turn])
	if sent {
		w.turn = (w.turn + 1) % len(w.targets)
	}
	return err
}

// spread passes the batch to all targets.
func (w *writer[T]) spread(b *flow.Batch[T]) error {
	for i := 1; i < len(w.targets); i++ {
		if _, err := w.pass(copyRows(w.pool.Get(), b), &w.targets[i]); err != nil {
			return err
		}
	}
	_, err := w.pass(b, &w.targets[0])
	return err
}

// pass sends the batch whole to a target, or adds it to what is pending there until that is much.
func (w *writer[T]) pass(b *flow.Batch[T], t *target[T]) (sent bool, err error) {
	switch {
	case t.pending == nil:
		t.pending = b
	case len(t.pending.Rows)+len(b.Rows) > cap(t.pending.Rows):
		if err := w.flush(t); err != nil {
			return false, err
		}
		t.pending = b
	default:
		t.pending.Rows = append(t.pending.Rows, b.Rows...)
		t.pending.Times = append(t.pending.Times, b.Times...)
		t.pending.Hashes = append(t.pending.Hashes, b.Hashes...)
		w.pool.Put(b)
	}
	if len(t.pending.Rows) < record.DefaultBatch*3/4 {
		return false, nil
	}
	return true, w.flush(t)
}

// scatter copies each row to the subtask that owns its key. It is the hot loop of a shuffle.
func (w *writer[T]) scatter(b *flow.Batch[T]) error {
	for i, h := range b.Hashes {
		t := &w.targets[w.route[base.KeyGroupOf(h, w.MaxParallelism)]]
		p := t.pending
		if p == nil {
			t.room = min(w.portion.rows, t.send.Portion())
			p = w.pool.Pool.Get(t.room)
			t.pending = p
		}
		p.Rows = append(p.Rows, b.Rows[i])
		p.Times = append(p.Times, b.Times[i])
		p.Hashes = append(p.Hashes, h)
		if len(p.Rows) >= t.room {
			w.portion.learn(p)
			if err := w.flush(t); err != nil {
				return err
			}
		}
	}
	w.pool.Put(b)
	return nil
}

// Watermark is sent with the next rows, or by the time that FlushAfter sets: delaying one is harmless, and
// sending each would make small batches.
func (w *writer[T]) Watermark(t int64) error {
	w.watermark = t
	if t == flow.EndOfTime {
		return w.flushAll()
	}
	if w.due.IsZero() {
		w.due = time.Now().Add(w.FlushAfter)
	}
	return nil
}

// Idle is sent behind the rows before it.
func (w *writer[T]) Idle(idle bool) error {
	if err := w.flushAll(); err != nil {
		return err
	}
	m := channel.Control()
	m.Status = channel.Active
	if idle {
		m.Status = channel.Idle
	}
	return w.broadcast(m)
}

// Barrier sends all that is buffered and then the barrier, to every target.
func (w *writer[T]) Barrier(b channel.Barrier) error {
	w.rush = b.Above > 0 // only where it is queued does it show behind how much
	defer func() { w.rush = false }()
	if err := w.flushAll(); err != nil {
		return err
	}
	m := channel.Control()
	m.Barrier = &b
	return w.broadcast(m)
}

// Due is when the oldest row or watermark that is buffered must be sent.
func (w *writer[T]) Due() time.Time { return w.due }

// Tick sends what is due.
func (w *writer[T]) Tick(now time.Time) error {
	if w.due.IsZero() || now.Before(w.due) {
		return nil
	}
	return w.flushAll()
}

func (w *writer[T]) flushAll() error {
	for i := range w.targets {
		if err := w.flush(&w.targets[i]); err != nil {
			return err
		}
	}
	w.due = time.Time{}
	return nil
}

// flush sends the target's pending rows with the newest watermark behind them.
func (w *writer[T]) flush(t *target[T]) error {
	m := channel.Control()
	if t.pending != nil {
		m.Batch = t.pending
		t.pending = nil
	}
	if w.watermark > t.watermark {
		m.Watermark, t.watermark = w.watermark, w.watermark
	}
	if m.Batch == nil && m.Watermark == flow.NoTime {
		return nil
	}
	return w.send(t.send, m)
}

func (w *writer[T]) broadcast(m channel.Message) error {
	for i := range w.targets {
		if err := w.send(w.targets[i].send, m); err != nil {
			return err
		}
	}
	return nil
}

// atOnce is for messages that must not wait for credit.
var atOnce = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (w *writer[T]) send(to *channel.Sender, m channel.Message) error {
	if to.TrySend(m) {
		return nil
	}
	begin := time.Now()
	var hurry <-chan struct{}
	switch {
	case w.rush:
		hurry = atOnce
	case w.Urgency != nil:
		hurry = w.Urgency.Begun()
	}
	err := to.Send(w.Context, m, hurry)
	w.Blocked(time.Since(begin))
	return err
}
