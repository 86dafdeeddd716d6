package channel

import (
	"strings"
	"testing"
	"time"
)

// refusal is the error that Next ends with.
func refusal(t *testing.T, g *Gate) string {
	t.Helper()
	_, ok, err := g.Next(t.Context(), nil, time.Time{})
	if ok || err == nil {
		t.Fatalf("an event came (%v), error %v", ok, err)
	}
	return err.Error()
}

func TestBarriersOfDifferentCheckpointsAreNeverTakenForOne(t *testing.T) {
	g := NewGate(from(3), 4, Rows{})
	send(t, g, 0, batch("a"), barrier(1))
	send(t, g, 1, barrier(2), batch("behind"))
	send(t, g, 2, barrier(1))
	expect(t, g, "a")
	said := refusal(t, g)
	for _, want := range []string{"channel ", "Checkpoint:2", "Checkpoint:1", "restart"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q does not say %q", said, want)
		}
	}
}

func TestALastBarrierIsNotTakenForAnother(t *testing.T) {
	g := NewGate(from(2), 4, Rows{})
	last := barrier(1)
	last.Barrier.Last = true
	send(t, g, 0, barrier(1))
	send(t, g, 1, last)
	expect(t, g, "")
	if said := refusal(t, g); !strings.Contains(said, "Last:true") {
		t.Errorf("%q", said)
	}
}

func TestAGateThatCannotAlignDeliversNothingAnyMore(t *testing.T) {
	g := NewGate(from(2), 4, Rows{})
	send(t, g, 0, barrier(5))
	send(t, g, 1, barrier(6))
	expect(t, g, "")
	send(t, g, 0, batch("x"))
	send(t, g, 1, batch("y"))
	expect(t, g, "")
	if first, again := refusal(t, g), refusal(t, g); first != again {
		t.Errorf("%q, then %q", first, again)
	}
}

func TestWhatCameBeforeABarrierThatDoesNotFitIsDelivered(t *testing.T) {
	g := NewGate(from(2), 4, Rows{})
	send(t, g, 0, barrier(1))
	unfit := batch("before")
	unfit.Barrier = &Barrier{Checkpoint: 2}
	send(t, g, 1, unfit)
	expect(t, g, "before")
	refusal(t, g)
}

func TestBarriersInStepAlignOneAfterTheOther(t *testing.T) {
	g := NewGate(from(2), 8, Rows{})
	for id := range uint64(3) {
		send(t, g, 0, batch("a"), barrier(id+1))
	}
	for id := range uint64(3) {
		send(t, g, 1, barrier(id+1), batch("b"))
	}
	expect(t, g, "a |1| b a |2| b a |3| b")
}
