package channel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

func TestAnIdleChannelsWatermarkCountsWhenItIsActiveAgain(t *testing.T) {
	g := NewGate(from(2), 8, Rows{})
	send(t, g, 0, status(Idle))
	send(t, g, 1, watermark(10))
	expect(t, g, "w10")
	send(t, g, 0, watermark(20), status(Active))
	expect(t, g, "")
	send(t, g, 1, watermark(30))
	expect(t, g, "w20")
}

func TestAGateWhoseChannelsAreAllIdleKeepsItsWatermark(t *testing.T) {
	g := NewGate(from(2), 8, Rows{})
	send(t, g, 0, watermark(5), status(Idle), watermark(50))
	send(t, g, 1, watermark(7))
	expect(t, g, "w5 w7")
	send(t, g, 1, status(Idle), watermark(60))
	expect(t, g, "idle")
	send(t, g, 1, status(Active))
	expect(t, g, "active w60")
}

func TestTheEndOfTimeComesWhenAllChannelsHaveEnded(t *testing.T) {
	g := NewGate(from(2), 8, Rows{})
	send(t, g, 0, watermark(flow.EndOfTime))
	send(t, g, 1, watermark(7))
	expect(t, g, "w7")
	send(t, g, 1, watermark(flow.EndOfTime))
	expect(t, g, fmt.Sprint("w", flow.EndOfTime))
}

func TestIdleAndEndedChannelsTakePartInAlignment(t *testing.T) {
	g := NewGate(from(3), 8, Rows{})
	send(t, g, 0, status(Idle))
	send(t, g, 1, watermark(flow.EndOfTime))
	send(t, g, 2, batch("c"), barrier(1), batch("held"))
	expect(t, g, "c")
	send(t, g, 0, barrier(1))
	expect(t, g, "")
	send(t, g, 1, barrier(1))
	expect(t, g, "|1| held")
}

func TestWatermarksAndStatusBehindABarrierWaitWithIt(t *testing.T) {
	g := NewGate(from(2), 8, Rows{})
	send(t, g, 0, watermark(5), barrier(1), watermark(50), status(Idle))
	send(t, g, 1, watermark(40))
	expect(t, g, "w5")
	send(t, g, 1, barrier(1))
	expect(t, g, "|1| w40")
}

func TestChannelsAreServedInTurn(t *testing.T) {
	g := NewGate(from(3), 8, Rows{})
	send(t, g, 0, batch("a1"), batch("a2"), batch("a3"), batch("a4"))
	send(t, g, 2, batch("c1"), batch("c2"))
	expect(t, g, "a1 c1 a2 c2 a3 a4")
}

func TestCreditIsOfEachChannelByItself(t *testing.T) {
	g := NewGate(from(2), 2, Rows{})
	send(t, g, 0, batch("a1"), batch("a2"))
	if g.Sender(0).TrySend(batch("a3")) {
		t.Error("a channel took more than its credit")
	}
	send(t, g, 1, batch("b1"), batch("b2"))
	g.TryNext()
	send(t, g, 0, batch("a3"))
	if g.Sender(0).TrySend(batch("a4")) {
		t.Error("one message that was taken gave credit for two")
	}
	expect(t, g, "b1 a2 b2 a3")
}

func TestChannelsThatDoNotExistHaveNoSender(t *testing.T) {
	for _, i := range []int{-1, 2} {
		func() {
			defer func() {
				if p := recover(); p != fmt.Sprintf("channel %d of 2", i) {
					t.Errorf("channel %d: panic %v", i, p)
				}
			}()
			NewGate(from(2), 1, Rows{}).Sender(i)
		}()
	}
}

// next waits for one event in the background and puts it, rendered, where it can be awaited.
func next(ctx context.Context, g *Gate, interrupt <-chan struct{}, deadline time.Time) <-chan string {
	got := make(chan string, 1)
	go func() {
		e, ok, err := g.Next(ctx, interrupt, deadline)
		switch {
		case err != nil:
			got <- err.Error()
		case !ok:
			got <- "nothing"
		case e.Barrier != nil:
			got <- fmt.Sprintf("|%d|", e.Barrier.Checkpoint)
		default:
			got <- fmt.Sprint(e.Batch)
		}
	}()
	return got
}

// waits fails if there is something already when all goroutines of the bubble wait.
func waits[T any](t *testing.T, c <-chan T) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-c:
		t.Fatalf("it did not wait, but got %v", got)
	default:
	}
}

func TestAReceiverSleepsUntilThereIsSomethingForIt(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGate(from(2), 4, Rows{})
		got := next(t.Context(), g, nil, time.Time{})
		waits(t, got)
		send(t, g, 0, barrier(1), batch("held"))
		waits(t, got)
		send(t, g, 1, barrier(1))
		if e := <-got; e != "|1|" {
			t.Errorf("got %q", e)
		}
		expect(t, g, "held")
	})
}

func TestAReceiverWaitsUntilItsDeadlineAndNoLonger(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGate(from(1), 4, Rows{})
		begin := time.Now()
		got := next(t.Context(), g, nil, begin.Add(time.Minute))
		if e := <-got; e != "nothing" || time.Since(begin) != time.Minute {
			t.Errorf("got %q after %v", e, time.Since(begin))
		}
		send(t, g, 0, batch("a"))
		if e := <-next(t.Context(), g, nil, begin); e != "a" {
			t.Errorf("what is there is not delivered after the deadline, but %q", e)
		}
	})
}

func TestAReceiverIsInterruptedAndEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGate(from(1), 4, Rows{})
		ctx, cancel := context.WithCancelCause(t.Context())
		interrupt := make(chan struct{})
		got := next(ctx, g, interrupt, time.Time{})
		waits(t, got)
		interrupt <- struct{}{}
		if e := <-got; e != "nothing" {
			t.Errorf("got %q", e)
		}
		got = next(ctx, g, interrupt, time.Time{})
		waits(t, got)
		cancel(errors.New("over"))
		if e := <-got; e != "over" {
			t.Errorf("got %q", e)
		}
	})
}

func TestASenderBehindItsBarrierWaitsForTheBarriersOfOthers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGate(from(2), 2, Rows{})
		send(t, g, 0, barrier(1), batch("a1"))
		expect(t, g, "")
		send(t, g, 0, batch("a2"))
		sent := make(chan error, 1)
		go func() { sent <- g.Sender(0).Send(t.Context(), batch("a3"), nil) }()
		waits(t, sent)
		send(t, g, 1, batch("b1"))
		expect(t, g, "b1")
		waits(t, sent)
		send(t, g, 1, barrier(1))
		expect(t, g, "|1| a1 a2")
		if err := <-sent; err != nil {
			t.Error(err)
		}
		expect(t, g, "a3")
	})
}

func TestAMessageThatWasNotSentStaysWithItsSender(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGate(from(1), 1, Rows{})
		send(t, g, 0, batch("a"))
		ctx, cancel := context.WithCancelCause(t.Context())
		sent := make(chan error, 1)
		go func() { sent <- g.Sender(0).Send(ctx, batch("b"), nil) }()
		waits(t, sent)
		over := errors.New("over")
		cancel(over)
		if err := <-sent; !errors.Is(err, over) {
			t.Errorf("error %v", err)
		}
		expect(t, g, "a")
	})
}

// naive derives what a gate must say of its progress from all that its channels said.
type naive struct {
	watermarks []int64
	idle       []bool
	current    int64
	allIdle    bool
}

func (n *naive) take(i int, m Message) string {
	if m.Status != Unchanged {
		n.idle[i] = m.Status == Idle
	}
	n.watermarks[i] = max(n.watermarks[i], m.Watermark)
	var out []string
	least, all := flow.EndOfTime, true
	for c, w := range n.watermarks {
		if !n.idle[c] {
			all = false
			least = min(least, w)
		}
	}
	if all != n.allIdle {
		out = append(out, map[bool]string{true: "idle", false: "active"}[all])
		n.allIdle = all
	}
	if !all && least > n.current {
		out = append(out, fmt.Sprint("w", least))
		n.current = least
	}
	return strings.Join(out, " ")
}

func TestRandomProgressIsThatOfANaiveGate(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		channels := 1 + rng.IntN(4)
		g, n := NewGate(from(channels), 2, Rows{}), &naive{idle: make([]bool, channels), current: flow.NoTime}
		for range channels {
			n.watermarks = append(n.watermarks, flow.NoTime)
		}
		for step := range 60 {
			i, m := rng.IntN(channels), Control()
			if rng.IntN(2) == 0 {
				m.Watermark = int64(rng.IntN(20) + step/4)
			}
			if rng.IntN(3) == 0 {
				m.Status = Idle + Status(rng.IntN(2))
			}
			send(t, g, i, m)
			if got, want := show(g), n.take(i, m); got != want {
				t.Fatalf("step %d: channel %d of %d said %+v: events %q, want %q", step, i, channels, m, got, want)
			}
		}
	}
}
