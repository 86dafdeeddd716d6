package channel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

func batch(name string) Message {
	m := Control()
	m.Batch = name
	return m
}

func watermark(t int64) Message {
	m := Control()
	m.Watermark = t
	return m
}

func barrier(id uint64) Message {
	m := Control()
	m.Barrier = &Barrier{Checkpoint: id}
	return m
}

func status(s Status) Message {
	m := Control()
	m.Status = s
	return m
}

// show renders all events that can be had without waiting.
func show(g *Gate) string {
	var out []string
	for {
		e, ok := g.TryNext()
		switch {
		case !ok:
			return strings.Join(out, " ")
		case e.Batch != nil:
			out = append(out, fmt.Sprint(e.Batch))
		case e.Barrier != nil:
			out = append(out, fmt.Sprintf("|%d|", e.Barrier.Checkpoint))
		case e.Status == Idle:
			out = append(out, "idle")
		case e.Status == Active:
			out = append(out, "active")
		default:
			out = append(out, fmt.Sprintf("w%d", e.Watermark))
		}
	}
}

func send(t *testing.T, g *Gate, to int, messages ...Message) {
	t.Helper()
	for _, m := range messages {
		if !g.Sender(to).TrySend(m) {
			t.Fatalf("channel %d has no credit", to)
		}
	}
}

func expect(t *testing.T, g *Gate, want string) {
	t.Helper()
	if got := show(g); got != want {
		t.Fatalf("events %q, want %q", got, want)
	}
}

func TestMessagesOfAChannelStayInOrder(t *testing.T) {
	g := NewGate(from(1), 4, Rows{})
	send(t, g, 0, batch("a"), watermark(5), batch("b"), barrier(1))
	expect(t, g, "a w5 b |1|")
}

func TestAMessageUnfoldsAsBatchStatusWatermarkBarrier(t *testing.T) {
	g := NewGate(from(1), 4, Rows{})
	send(t, g, 0, status(Idle))
	expect(t, g, "idle")
	send(t, g, 0, Message{Batch: "a", Status: Active, Watermark: 3, Barrier: &Barrier{Checkpoint: 2}})
	expect(t, g, "a active w3 |2|")
}

func TestTheWatermarkIsTheLeastOfTheChannels(t *testing.T) {
	g := NewGate(from(2), 8, Rows{})
	send(t, g, 0, watermark(10))
	expect(t, g, "")
	send(t, g, 1, watermark(4))
	expect(t, g, "w4")
	send(t, g, 1, watermark(7), watermark(12))
	expect(t, g, "w7 w10")
}

func TestWatermarksNeverGoBack(t *testing.T) {
	g := NewGate(from(2), 8, Rows{})
	send(t, g, 0, status(Idle), watermark(3))
	send(t, g, 1, watermark(10))
	expect(t, g, "w10")
	send(t, g, 0, status(Active), watermark(5), watermark(11))
	expect(t, g, "")
	send(t, g, 1, watermark(12))
	expect(t, g, "w11")
}

func TestIdleChannelsDoNotHoldTheWatermarkBack(t *testing.T) {
	g := NewGate(from(2), 8, Rows{})
	send(t, g, 0, watermark(10))
	send(t, g, 1, status(Idle))
	expect(t, g, "w10")
	send(t, g, 0, status(Idle))
	expect(t, g, "idle")
	send(t, g, 1, status(Active))
	expect(t, g, "active")
}

func TestABarrierHoldsItsChannelUntilItHasComeOnAll(t *testing.T) {
	g := NewGate(from(3), 8, Rows{})
	send(t, g, 0, batch("a1"), barrier(1), batch("a2"))
	send(t, g, 1, batch("b1"))
	expect(t, g, "a1 b1")
	send(t, g, 1, batch("b2"), barrier(1), batch("b3"))
	expect(t, g, "b2")
	send(t, g, 2, batch("c1"), barrier(1))
	if got := show(g); got != "c1 |1| a2 b3" && got != "c1 |1| b3 a2" {
		t.Fatalf("events %q", got)
	}
}

func TestBarriersOfAbandonedCheckpointsStillAlign(t *testing.T) {
	g := NewGate(from(2), 8, Rows{})
	send(t, g, 0, barrier(1), barrier(2), batch("a"))
	send(t, g, 1, barrier(1))
	expect(t, g, "|1|")
	send(t, g, 1, barrier(2))
	expect(t, g, "|2| a")
}

func TestASenderWithoutCreditWaitsForRoom(t *testing.T) {
	g := NewGate(from(1), 2, Rows{})
	send(t, g, 0, batch("a"), batch("b"))
	if g.Sender(0).TrySend(batch("c")) {
		t.Fatal("a third message was taken on a credit of two")
	}
	sent := make(chan error, 1)
	go func() { sent <- g.Sender(0).Send(context.Background(), batch("c"), nil) }()
	if e, _, err := g.Next(context.Background(), nil, time.Time{}); err != nil || e.Batch != "a" {
		t.Fatalf("got %v, %v", e, err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	expect(t, g, "b c")
}

func TestAlignmentDoesNotTakeCreditFromOtherChannels(t *testing.T) {
	g := NewGate(from(2), 2, Rows{})
	send(t, g, 0, barrier(1), batch("held"))
	expect(t, g, "")
	for i := range 10 {
		send(t, g, 1, batch(fmt.Sprint(i)))
		expect(t, g, fmt.Sprint(i))
	}
}

func TestSendAndNextEndWithTheContext(t *testing.T) {
	cause := errors.New("over")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	g := NewGate(from(1), 1, Rows{})
	if _, _, err := g.Next(ctx, nil, time.Time{}); !errors.Is(err, cause) {
		t.Errorf("Next: %v", err)
	}
	send(t, g, 0, batch("a"))
	if err := g.Sender(0).Send(ctx, batch("b"), nil); !errors.Is(err, cause) {
		t.Errorf("Send: %v", err)
	}
}

func TestNextReturnsAtTheDeadlineAndOnInterrupt(t *testing.T) {
	g := NewGate(from(1), 1, Rows{})
	if _, ok, err := g.Next(context.Background(), nil, time.Now()); ok || err != nil {
		t.Errorf("at the deadline: %v, %v", ok, err)
	}
	interrupt := make(chan struct{}, 1)
	interrupt <- struct{}{}
	if _, ok, err := g.Next(context.Background(), interrupt, time.Time{}); ok || err != nil {
		t.Errorf("on interrupt: %v, %v", ok, err)
	}
}

// Every sender numbers its messages and puts barriers between them; whatever the interleaving, the
// receiver sees each channel in order and each barrier at one and the same place of every channel.
func TestRandomTrafficKeepsOrderAndAlignment(t *testing.T) {
	const channels, messages = 4, 2000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := NewGate(from(channels), 3, Rows{})
	ctx := t.Context()
	var group sync.WaitGroup
	for c := range channels {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(c)))
			s, next := g.Sender(c), uint64(1)
			for n := range messages {
				if rng.IntN(50) == 0 && next <= 20 {
					if err := s.Send(ctx, barrier(next), nil); err != nil {
						t.Error(err)
					}
					next++
				}
				if err := s.Send(ctx, Message{Batch: [2]uint64{uint64(n), next}, Watermark: flow.NoTime}, nil); err != nil {
					t.Error(err)
				}
			}
			for ; next <= 20; next++ {
				if err := s.Send(ctx, barrier(next), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	passed := uint64(1)
	var seen [channels]uint64
	for got := 0; got < channels*messages+20; got++ {
		e, ok, err := g.Next(ctx, nil, time.Time{})
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if e.Barrier != nil {
			if e.Barrier.Checkpoint != passed {
				t.Fatalf("barrier %d, want %d", e.Barrier.Checkpoint, passed)
			}
			passed++
			continue
		}
		b := e.Batch.([2]uint64)
		if b[0] != seen[e.Channel] || b[1] != passed {
			t.Fatalf("channel %d: message %d of epoch %d, want %d of %d", e.Channel, b[0], b[1], seen[e.Channel], passed)
		}
		seen[e.Channel]++
	}
	group.Wait()
}

func BenchmarkHop(b *testing.B) {
	g := NewGate(from(1), 4, Rows{})
	m := batch("x")
	go func() {
		s := g.Sender(0)
		for range b.N {
			_ = s.Send(context.Background(), m, nil)
		}
	}()
	for range b.N {
		if _, _, err := g.Next(context.Background(), nil, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
