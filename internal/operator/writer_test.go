package operator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// mail is a writer with the gates that it sends to, one for each receiving subtask.
type mail struct {
	Output
	Receiver[int]
	gates   []*channel.Gate
	blocked time.Duration
}

const mailFlush = 10 * time.Millisecond

func newMail(t *testing.T, exchange Exchange, subtasks int) *mail {
	t.Helper()
	return mailWith(t, t.Context(), exchange, subtasks, 64)
}

func mailWith(t *testing.T, ctx context.Context, exchange Exchange, subtasks, credit int) *mail {
	t.Helper()
	m := &mail{}
	c := WriterConfig{
		Context: ctx, Exchange: exchange, MaxParallelism: rigGroups, FlushAfter: mailFlush,
		Blocked: func(d time.Duration) { m.blocked += d },
	}
	for range subtasks {
		g := channel.NewGate(make([]channel.Origin, 1), credit, channel.Rows{})
		m.gates = append(m.gates, g)
		c.To = append(c.To, g.Sender(0))
	}
	if exchange == Hash {
		hash, err := NewHasher(func(n *int) int { return *n })
		must(t, err)
		c.Hasher = hash
	}
	m.Output = RowTypeOf[int]().Writer(c)
	m.Receiver = m.Output.(Receiver[int])
	return m
}

func (m *mail) Watermark(t int64) error { return m.Receiver.Watermark(t) }
func (m *mail) Idle(idle bool) error    { return m.Receiver.Idle(idle) }

// came renders what has come to a subtask: a batch as [rows], a watermark as w, a barrier as |number|.
func (m *mail) came(subtask int) string {
	var all []string
	for {
		e, ok := m.gates[subtask].TryNext()
		switch {
		case !ok:
			return strings.Join(all, " ")
		case e.Batch != nil:
			all = append(all, fmt.Sprint(e.Batch.(*flow.Batch[int]).Rows))
		case e.Barrier != nil:
			all = append(all, fmt.Sprintf("|%d %v|", e.Barrier.Checkpoint, e.Barrier.Last))
		case e.Status != channel.Unchanged:
			all = append(all, map[channel.Status]string{channel.Idle: "idle", channel.Active: "active"}[e.Status])
		default:
			all = append(all, "w"+at(e.Watermark))
		}
	}
}

func (m *mail) expect(t *testing.T, want ...string) {
	t.Helper()
	for i, w := range want {
		if got := m.came(i); got != w {
			t.Errorf("to subtask %d came %q, want %q", i, got, w)
		}
	}
}

func TestRowsWaitForCompanyUntilTheyAreDue(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := newMail(t, Forward, 1)
		if !m.Due().IsZero() {
			t.Errorf("nothing is buffered, and due at %v", m.Due())
		}
		must(t, m.Batch(rowsOf(1)))
		must(t, m.Batch(rowsOf(2, 3)))
		m.expect(t, "")
		if left := time.Until(m.Due()); left != mailFlush {
			t.Errorf("due in %v", left)
		}
		must(t, m.Tick(time.Now())) // too early
		m.expect(t, "")
		<-time.After(mailFlush)
		must(t, m.Tick(time.Now()))
		m.expect(t, "[1 2 3]")
		if !m.Due().IsZero() {
			t.Errorf("still due at %v", m.Due())
		}
	})
}

func TestAWatermarkTravelsBehindTheRowsBeforeIt(t *testing.T) {
	m := newMail(t, Forward, 1)
	must(t, m.Batch(rowsOf(1)))
	must(t, m.Watermark(3))
	must(t, m.Batch(rowsOf(2)))
	must(t, m.Watermark(7))
	must(t, m.Tick(time.Now().Add(time.Hour)))
	m.expect(t, "[1 2] w7") // a watermark may come later than it could
}

func TestAWatermarkWithoutRowsIsSentWhenDue(t *testing.T) {
	m := newMail(t, Forward, 1)
	must(t, m.Watermark(3))
	m.expect(t, "")
	must(t, m.Tick(time.Now().Add(time.Hour)))
	must(t, m.Tick(time.Now().Add(2*time.Hour))) // and only once
	m.expect(t, "w3")
}

func TestTheEndOfTimeIsSentAtOnceToAll(t *testing.T) {
	m := newMail(t, Rebalance, 2)
	must(t, m.Batch(rowsOf(1)))
	must(t, m.Watermark(flow.EndOfTime))
	m.expect(t, "[1] wend", "wend")
}

func TestABarrierComesBehindAllRowsToEverySubtask(t *testing.T) {
	m := newMail(t, Hash, 3)
	must(t, m.Batch(rowsOf(1, 2, 3, 4, 5, 6, 7, 8)))
	must(t, m.Watermark(5))
	must(t, m.Barrier(channel.Barrier{Checkpoint: 9, Last: true}))
	rows := 0
	for i := range m.gates {
		got := m.came(i)
		if !strings.HasSuffix(got, "w5 |9 true|") {
			t.Errorf("to subtask %d came %q", i, got)
		}
		rows += len(strings.Fields(strings.Trim(strings.SplitN(got, "]", 2)[0], "[")))
	}
	if rows != 8 || !m.Due().IsZero() {
		t.Errorf("%d rows, due %v", rows, m.Due())
	}
}

func TestIdlenessComesBehindTheRowsBeforeIt(t *testing.T) {
	m := newMail(t, Rebalance, 2)
	must(t, m.Batch(rowsOf(1)))
	must(t, m.Idle(true))
	must(t, m.Idle(false))
	m.expect(t, "[1] idle active", "idle active")
}

func TestFullBatchesGoAtOnceAndInTurn(t *testing.T) {
	m := newMail(t, Rebalance, 3)
	full := make([]int, record.DefaultBatch)
	for range 6 {
		must(t, m.Batch(rowsOf(full...)))
	}
	for i, g := range m.gates {
		n := 0
		for e, ok := g.TryNext(); ok; e, ok = g.TryNext() {
			n += len(e.Batch.(*flow.Batch[int]).Rows)
		}
		if n != 2*record.DefaultBatch {
			t.Errorf("subtask %d got %d rows", i, n)
		}
	}
}

func TestBroadcastRowsGoToAllSubtasks(t *testing.T) {
	m := newMail(t, Broadcast, 3)
	b := rowsOf(1, 2)
	must(t, m.Batch(b))
	must(t, m.Batch(rowsOf(3)))
	b.Rows[0] = 9 // one of them may already be somebody's
	must(t, m.Barrier(channel.Barrier{Checkpoint: 1}))
	m.expect(t, "[9 2 3] |1 false|", "[1 2 3] |1 false|", "[1 2 3] |1 false|")
	for range 3 {
		must(t, m.Batch(rowsOf(slices.Repeat([]int{7}, record.DefaultBatch)...)))
	}
	for i := range 3 {
		if n := strings.Count(m.came(i), "["); n != 3 {
			t.Errorf("subtask %d got %d full batches", i, n)
		}
	}
}

func TestEmptyBatchesAreNotSent(t *testing.T) {
	m := newMail(t, Forward, 1)
	must(t, m.Batch(rowsOf[int]()))
	if !m.Due().IsZero() {
		t.Errorf("due at %v", m.Due())
	}
	must(t, m.Barrier(channel.Barrier{Checkpoint: 1, Last: false}))
	m.expect(t, "|1 false|")
}

func TestARowGoesToTheSubtaskThatOwnsItsKey(t *testing.T) {
	hash, err := NewHasher(func(n *int) int { return *n })
	must(t, err)
	for _, subtasks := range []int{1, 2, 3, 7, rigGroups} {
		m := newMail(t, Hash, subtasks)
		var all []int
		for n := range 500 {
			all = append(all, n)
		}
		must(t, m.Batch(rowsOf(all...)))
		must(t, m.Watermark(flow.EndOfTime))
		seen := 0
		for i, g := range m.gates {
			for e, ok := g.TryNext(); ok; e, ok = g.TryNext() {
				if e.Batch == nil {
					continue
				}
				b := e.Batch.(*flow.Batch[int])
				again := rowsOf(b.Rows...)
				hash(again)
				if !slices.Equal(again.Hashes, b.Hashes) || !slices.IsSorted(b.Rows) {
					t.Errorf("%d subtasks: hashes or order of a batch are wrong", subtasks)
				}
				for j, h := range b.Hashes {
					owner := base.SubtaskOf(base.KeyGroupOf(h, rigGroups), subtasks, rigGroups)
					if owner != i || b.Times[j] != int64(b.Rows[j]+1) {
						t.Errorf("%d subtasks: row %d@%d came to %d", subtasks, b.Rows[j], b.Times[j], i)
					}
				}
				seen += len(b.Rows)
			}
		}
		if seen != 500 {
			t.Errorf("%d subtasks: %d rows came", subtasks, seen)
		}
	}
}

func TestAWriterWithoutCreditWaitsAndTellsHowLong(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		m := mailWith(t, t.Context(), Forward, 1, 1)
		must(t, m.Barrier(channel.Barrier{Checkpoint: 1, Last: false})) // takes the only credit
		sent := make(chan error, 1)
		go func() { sent <- m.Barrier(channel.Barrier{Checkpoint: 2, Last: false}) }()
		<-time.After(time.Second)
		synctest.Wait()
		select {
		case err := <-sent:
			t.Fatalf("it was sent without credit: %v", err)
		default:
		}
		m.expect(t, "|1 false|")
		must(t, <-sent)
		if m.blocked != time.Second {
			t.Errorf("blocked for %v", m.blocked)
		}
		m.expect(t, "|2 false|")
	})
}

func TestAWaitingWriterEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		for what, do := range map[string]func(m *mail) error{
			"rows":      func(m *mail) error { return errors.Join(m.Batch(rowsOf(1)), m.Tick(time.Now().Add(time.Hour))) },
			"barrier":   func(m *mail) error { return m.Barrier(channel.Barrier{Checkpoint: 2, Last: false}) },
			"idleness":  func(m *mail) error { return m.Idle(true) },
			"watermark": func(m *mail) error { return m.Watermark(flow.EndOfTime) },
			"full batch": func(m *mail) error {
				return m.Batch(rowsOf(make([]int, record.DefaultBatch)...))
			},
		} {
			ctx, cancel := context.WithCancelCause(t.Context())
			m := mailWith(t, ctx, Forward, 1, 1)
			must(t, m.Barrier(channel.Barrier{Checkpoint: 1, Last: false}))
			sent := make(chan error, 1)
			go func() { sent <- do(m) }()
			synctest.Wait()
			cancel(errBroken)
			if err := <-sent; !errors.Is(err, errBroken) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// However batches, watermarks and ticks follow each other, rows come in order, and none behind a watermark that
// came after it.
func TestRandomTrafficArrivesInOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed+i, 0))
		m := mailWith(t, t.Context(), Forward, 1, 4096)
		next, mark := 0, int64(0)
		var marks []int // the number of rows before each watermark
		for range rng.IntN(60) {
			switch rng.IntN(4) {
			case 0:
				must(t, m.Tick(time.Now().Add(time.Hour)))
			case 1:
				mark++
				marks = append(marks, next)
				must(t, m.Watermark(mark))
			default:
				var rows []int
				for range rng.IntN(400) {
					rows = append(rows, next)
					next++
				}
				must(t, m.Batch(rowsOf(rows...)))
			}
		}
		must(t, m.Barrier(channel.Barrier{Checkpoint: 1, Last: true}))
		got := 0
		for e, ok := m.gates[0].TryNext(); ok; e, ok = m.gates[0].TryNext() {
			switch {
			case e.Batch != nil:
				for _, n := range e.Batch.(*flow.Batch[int]).Rows {
					if n != got {
						t.Fatalf("seed %d: row %d came for %d", seed+i, n, got)
					}
					got++
				}
			case e.Watermark != flow.NoTime && got < marks[e.Watermark-1]:
				t.Fatalf("seed %d: watermark %d overtook row %d", seed+i, e.Watermark, got)
			}
		}
		if got != next {
			t.Fatalf("seed %d: %d rows came of %d", seed+i, got, next)
		}
	}
}
