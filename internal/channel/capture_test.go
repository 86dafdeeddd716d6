package channel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// same are rows that nobody changes, of one byte each batch.
var same = Rows{
	Copy: func(_ int, batch any) any { return batch }, Bytes: func(int, any) int64 { return 1 },
}

// urgent is a barrier that waits for nothing.
func urgent(id uint64) Message { return barrierBy(id, time.Now()) }

func barrierBy(id uint64, overtake time.Time) Message {
	m := Control()
	m.Barrier = &Barrier{Checkpoint: id, Overtake: overtake}
	return m
}

// captures returns the event of a barrier that has overtaken, which must be next.
func captures(t *testing.T, g *Gate, checkpoint uint64) *Captured {
	t.Helper()
	e, ok := g.TryNext()
	if !ok || e.Barrier == nil || e.Barrier.Checkpoint != checkpoint || e.Captured == nil {
		t.Fatalf("no barrier overtakes: %+v", e)
	}
	return e.Captured
}

// shown renders what was captured: generations by ;, lines by /.
func shown(c *Captured) string {
	var generations []string
	for _, lines := range c.Generations {
		var all []string
		for _, l := range lines {
			var text []string
			if l.Watermark != flow.NoTime {
				text = append(text, fmt.Sprint("at ", l.Watermark))
			}
			for _, m := range l.Messages {
				switch {
				case m.Batch != nil:
					text = append(text, fmt.Sprint(m.Batch))
				case m.Status != Unchanged:
					text = append(text, map[Status]string{Idle: "idle", Active: "active"}[m.Status])
				default:
					text = append(text, fmt.Sprint("w", m.Watermark))
				}
			}
			all = append(all, strings.Join(text, " "))
		}
		generations = append(generations, strings.Join(all, " / "))
	}
	return strings.Join(generations, " ; ")
}

func wantCaptured(t *testing.T, c *Captured, complete bool, want string) {
	t.Helper()
	select {
	case <-c.Complete():
		if !complete {
			t.Error("it is complete")
		}
	default:
		if complete {
			t.Error("it is not complete")
		}
	}
	if got := shown(c); got != want {
		t.Errorf("captured %q, want %q", got, want)
	}
}

func TestABarrierOvertakesWhatIsQueuedAndThatIsCaptured(t *testing.T) {
	g := NewGate(from(1), 8, same)
	send(t, g, 0, watermark(3), batch("a"))
	expect(t, g, "w3 a")
	send(t, g, 0, batch("b"), watermark(5), urgent(1), batch("c"))
	c := captures(t, g, 1)
	wantCaptured(t, c, true, "at 3 b w5")
	if c.Empty() {
		t.Error("it is empty")
	}
	expect(t, g, "b w5 c") // it is processed as well, behind the barrier
}

func TestWhatComesBeforeABarrierIsCapturedWhileOthersHaveTheirs(t *testing.T) {
	g := NewGate(from(3), 8, same)
	send(t, g, 0, batch("a1"), urgent(1), batch("a2"))
	send(t, g, 1, batch("b1"))
	c := captures(t, g, 1)
	wantCaptured(t, c, false, "a1 / b1 / ")
	send(t, g, 1, batch("b2"), watermark(4))
	send(t, g, 2, urgent(1), batch("c1"))
	wantCaptured(t, c, false, "a1 / b1 b2 w4 / ")
	send(t, g, 1, urgent(1), batch("b3"))
	wantCaptured(t, c, true, "a1 / b1 b2 w4 / ")
	expect(t, g, "a1 b1 c1 b2 a2 b3")
}

func TestABarrierThatOvertakesLetsBlockedChannelsGoOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGate(from(2), 8, same)
		in := time.Now().Add(time.Minute)
		send(t, g, 0, batch("a1"), barrierBy(1, in), batch("a2"))
		send(t, g, 1, batch("b1"))
		expect(t, g, "a1 b1")
		send(t, g, 1, batch("b2"), batch("b3"))
		e, ok, err := g.Next(t.Context(), nil, time.Time{})
		if err != nil || !ok || e.Batch != "b2" {
			t.Fatalf("%+v, %v", e, err)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		c := captures(t, g, 1)
		wantCaptured(t, c, false, " / b3")
		send(t, g, 1, barrierBy(1, in), batch("b4"))
		wantCaptured(t, c, true, " / b3")
		expect(t, g, "a2 b3 b4")
	})
}

func TestAReceiverThatWaitsIsWokenWhenABarrierIsToOvertake(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGate(from(2), 8, same)
		send(t, g, 0, barrierBy(1, time.Now().Add(time.Minute)))
		got, begin := next(t.Context(), g, nil, time.Time{}), time.Now()
		if e := <-got; e != "|1|" || time.Since(begin) != time.Minute {
			t.Errorf("got %q after %v", e, time.Since(begin))
		}
	})
}

func TestABarrierThatAlignsInTimeOvertakesNothing(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGate(from(2), 8, same)
		in := time.Now().Add(time.Minute)
		send(t, g, 0, batch("a"), barrierBy(1, in))
		send(t, g, 1, barrierBy(1, in))
		expect(t, g, "a |1|")
		expect(t, g, "")
		<-time.After(time.Hour)
		synctest.Wait()
		if g.Urgency().Is() {
			t.Error("it is urgent although the barrier has been dealt with")
		}
	})
}

func TestAHastyGateWaitsForNoBarrierLongerThanItsPatience(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		g := NewGate(from(2), 8, same)
		g.Hasten(time.Second)
		plain := Control()
		plain.Barrier = &Barrier{Checkpoint: 1}
		send(t, g, 0, batch("a"), plain)
		expect(t, g, "a")
		<-time.After(time.Second - 1)
		expect(t, g, "")
		<-time.After(1)
		synctest.Wait()
		c := captures(t, g, 1)
		send(t, g, 1, batch("b"), plain)
		wantCaptured(t, c, true, " / b")
		expect(t, g, "b")
		draining := Control()
		draining.Barrier = &Barrier{Checkpoint: 2, Drains: true}
		send(t, g, 0, draining)
		<-time.After(time.Hour)
		synctest.Wait()
		expect(t, g, "")
		send(t, g, 1, batch("c"), draining)
		expect(t, g, "c |2|")
	})
}

// barrierAbove is a barrier that waits behind so many bytes.
func barrierAbove(id uint64, bytes int64) Message {
	m := Control()
	m.Barrier = &Barrier{Checkpoint: id, Above: bytes}
	return m
}

func TestABarrierThatMayWaitBehindSoManyBytesOvertakesMore(t *testing.T) {
	g := NewGate(from(2), 8, same)
	send(t, g, 0, batch("a"), batch("b"), barrierAbove(1, 2))
	expect(t, g, "a b")
	send(t, g, 1, batch("c"), barrierAbove(1, 2), batch("d"))
	expect(t, g, "c |1| d")
	send(t, g, 0, batch("e"), barrierAbove(2, 2))
	send(t, g, 1, batch("f"), batch("g")) // all that is queued counts, when the next barrier comes
	if g.Urgency().Is() {
		t.Error("it is urgent before")
	}
	send(t, g, 1, barrierAbove(2, 2))
	wantCaptured(t, captures(t, g, 2), true, "e / f g")
	expect(t, g, "e f g")
}

func TestWhatTheReceiverHasTakenCountsForWhatABarrierMayWaitBehind(t *testing.T) {
	g := NewGate(from(2), 8, same)
	var taken int64
	g.CountTaken(func() int64 { return taken })
	send(t, g, 0, batch("a"), barrierAbove(1, 2))
	expect(t, g, "a")
	taken = 3 // since the barrier has come
	send(t, g, 1, batch("b"))
	expect(t, g, "b")
	if g.Urgency().Is() {
		t.Error("it is urgent although no barrier has come since")
	}
	send(t, g, 1, barrierAbove(1, 2), batch("c"), barrierAbove(2, 4))
	send(t, g, 0, barrierAbove(2, 4))
	wantCaptured(t, captures(t, g, 1), true, " / ")
	taken = 2
	expect(t, g, "c |2|")
	if g.Urgency().Is() {
		t.Error("it is urgent with less than the barrier may wait behind")
	}
	send(t, g, 0, barrierAbove(3, 4))
	send(t, g, 1, barrierAbove(3, 4))
	taken = 5 // when the barrier comes to be taken
	e, _ := g.TryNext()
	if e.Barrier == nil || e.Captured != nil || !g.Urgency().Is() {
		t.Errorf("it is not urgent with more than the barrier may wait behind: %+v", e)
	}
}

func TestTheNextBarrierIsWeighedWhenTheOneBeforeIsComplete(t *testing.T) {
	g := NewGate(from(2), 8, same)
	send(t, g, 0, urgent(1), batch("a"), batch("b"), barrierAbove(2, 1))
	captures(t, g, 1)
	send(t, g, 1, urgent(1), barrierAbove(2, 1))
	wantCaptured(t, captures(t, g, 2), true, "a b / ")
}

func TestABarrierWaitsUntilTheOneBeforeItIsComplete(t *testing.T) {
	g := NewGate(from(2), 8, same)
	send(t, g, 0, urgent(1), batch("a"), urgent(2))
	first := captures(t, g, 1)
	expect(t, g, "a")
	send(t, g, 1, batch("b"))
	expect(t, g, "b")
	send(t, g, 1, urgent(1), batch("c"))
	wantCaptured(t, first, true, " / b")
	second := captures(t, g, 2)
	wantCaptured(t, second, false, " / c")
	send(t, g, 1, urgent(2))
	wantCaptured(t, second, true, " / c")
	expect(t, g, "c")
}

func TestASenderInAHurryNeedsNoCredit(t *testing.T) {
	g := NewGate(from(1), 1, same)
	send(t, g, 0, batch("a"))
	hurry := make(chan struct{})
	close(hurry)
	for _, m := range []Message{batch("b"), batch("c"), urgent(1)} {
		if err := g.Sender(0).Send(t.Context(), m, hurry); err != nil {
			t.Fatal(err)
		}
	}
	if g.Sender(0).TrySend(batch("d")) {
		t.Error("there is credit")
	}
	wantCaptured(t, captures(t, g, 1), true, "a b c")
	expect(t, g, "a b c")
	send(t, g, 0, batch("d"))
	expect(t, g, "d")
}

func TestAReceiverWithoutRoomGetsAnUrgentBarrierAndNothingElse(t *testing.T) {
	g := NewGate(from(1), 8, same)
	send(t, g, 0, Message{Batch: "a", Watermark: 5}, batch("b"))
	if e, ok := g.TryUrgent(); ok {
		t.Fatalf("%+v", e)
	}
	if e, _ := g.TryNext(); e.Batch != "a" {
		t.Fatalf("%+v", e)
	}
	send(t, g, 0, urgent(1))
	e, ok := g.TryUrgent()
	if !ok || e.Barrier == nil {
		t.Fatalf("%+v", e)
	}
	wantCaptured(t, e.Captured, true, "at 5 b")
	g.Passed()
	if _, ok := g.TryUrgent(); ok || g.Urgency().Is() {
		t.Error("it is still urgent")
	}
	expect(t, g, "w5 b")
	g = NewGate(from(1), 8, same)
	g.Restore(e.Captured.InFront(Line{Channel: -1, Watermark: 2, Messages: []Message{batch("0")}}).All())
	expect(t, g, "w2 0 w5 b")
}

func TestWhatIsInFrontOfNothingIsAll(t *testing.T) {
	var none *Captured
	c := none.InFront(Line{Watermark: 3, Messages: []Message{batch("a")}})
	wantCaptured(t, c, true, "")
	if c.Empty() || len(c.All()) != 2 || len(c.All()[0]) != 1 {
		t.Errorf("%+v", c.All())
	}
}

func TestWhatIsRestoredComesFirstWithItsWatermarks(t *testing.T) {
	g := NewGate(from(1), 4, same)
	g.Restore([][]Line{
		{
			{Channel: -1, Watermark: 3, Messages: []Message{batch("a"), watermark(9)}},
			{Channel: -1, Watermark: 2, Messages: []Message{batch("b"), watermark(5), batch("c")}},
			{Channel: -1, Watermark: 1, Idle: true},
		},
		{{Channel: -1, Watermark: flow.NoTime, Messages: []Message{batch("d"), watermark(7)}}},
	})
	send(t, g, 0, watermark(6), batch("e"), watermark(8))
	expect(t, g, "w2 a b w5 c d w7 e w8")
}

// Of some old subtasks there may be nothing for this one: that says nothing of whether rows will come.
func TestAGenerationWithoutLinesSaysNothing(t *testing.T) {
	g := NewGate(from(1), 4, same)
	g.Restore([][]Line{nil, {{Channel: -1, Watermark: 3, Messages: []Message{batch("a")}}}, {}})
	expect(t, g, "w3 a")
	send(t, g, 0, watermark(6))
	expect(t, g, "w6")
}

// That others had been idle is not what is known of those that send today.
func TestWhatHadBeenIdleIsActiveBehindWhatIsRestored(t *testing.T) {
	g := NewGate(from(2), 4, same)
	g.Restore([][]Line{{{Channel: -1, Watermark: 3, Idle: true, Messages: []Message{batch("a")}}}})
	expect(t, g, "idle a active")
	send(t, g, 0, watermark(6))
	expect(t, g, "")
	send(t, g, 1, watermark(5))
	expect(t, g, "w5")
}

func TestABarrierOvertakesWhatIsBeingRestoredToo(t *testing.T) {
	g := NewGate(from(1), 4, same)
	g.Restore([][]Line{
		{{Channel: -1, Input: 1, Subtask: 7, Watermark: 3, Messages: []Message{batch("a"), watermark(5), batch("b")}}},
		{{Channel: -1, Watermark: flow.NoTime, Messages: []Message{batch("c")}}},
	})
	for _, want := range []string{"w3", "a", "w5"} {
		e, _ := g.TryNext()
		got := fmt.Sprint("w", e.Watermark)
		if e.Batch != nil {
			got = fmt.Sprint(e.Batch)
		}
		if got != want {
			t.Fatalf("%+v, want %s", e, want)
		}
	}
	send(t, g, 0, batch("d"), urgent(1))
	c := captures(t, g, 1)
	wantCaptured(t, c, true, "at 5 b ; c ; d")
	if l := c.Generations[0][0]; l.Input != 1 || l.Subtask != 7 {
		t.Errorf("whose line it is has been forgotten: %+v", l)
	}
	expect(t, g, "b c d")
}

// aligning is a gate with two channels, the second of which no barrier overtakes.
func aligning() *Gate { return NewGate([]Origin{{}, {Input: 1, Aligns: true}}, 8, same) }

func TestAnUrgentBarrierWaitsForTheChannelsThatItDoesNotOvertake(t *testing.T) {
	g := aligning()
	send(t, g, 0, batch("a1"), urgent(1), batch("a2"))
	send(t, g, 1, batch("b1"))
	if g.Urgency().Is() {
		t.Fatal("nothing may begin any more, and the barrier cannot come")
	}
	expect(t, g, "a1 b1")
	send(t, g, 1, batch("b2"), urgent(1), batch("b3"))
	expect(t, g, "b2 |1| a2 b3")
}

func TestABarrierOvertakesInOtherChannelsWhenItHasComeWhereItAligns(t *testing.T) {
	g := aligning()
	send(t, g, 1, urgent(1), batch("b1"))
	send(t, g, 0, batch("a1"), batch("a2"))
	if e, ok := g.TryNext(); !ok || e.Batch != "a1" { // the turn is the first channel's
		t.Fatalf("%+v", e)
	}
	c := captures(t, g, 1)
	wantCaptured(t, c, false, "a2 / ")
	send(t, g, 0, batch("a3"), urgent(1), batch("a4"))
	wantCaptured(t, c, true, "a2 a3 / ")
	expect(t, g, "a2 b1 a3 a4")
}

func TestBatchesKeepTheInputThatTheyCameBy(t *testing.T) {
	g := aligning()
	send(t, g, 1, batch("b"))
	send(t, g, 0, batch("a"))
	for _, want := range []Event{{Input: 0, Batch: "a"}, {Input: 1, Batch: "b"}} {
		if e, ok := g.TryNext(); !ok || e.Input != want.Input || e.Batch != want.Batch {
			t.Errorf("%+v, want %+v", e, want)
		}
	}
	g.Restore([][]Line{{{Channel: -1, Input: 1, Watermark: flow.NoTime, Messages: []Message{batch("c")}}}})
	if e, ok := g.TryNext(); !ok || e.Input != 1 || e.Batch != "c" {
		t.Errorf("restored: %+v", e)
	}
}

// Whatever the moments, what a receiver has had before a barrier and what the barrier has overtaken is what was sent
// before it, channel by channel, in its order; and all of it is received in the end.
func TestWhatIsSentBeforeABarrierIsReceivedBeforeItOrCaptured(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(300) {
		bubble.Test(t, func(t *testing.T) {
			tr := newTraffic(t, rand.New(rand.NewPCG(seed, round)))
			for range 400 {
				tr.step()
			}
			tr.finish()
		})
	}
}

// traffic is a gate between senders that send at random and a receiver that receives at random.
type traffic struct {
	t        *testing.T
	rng      *rand.Rand
	g        *Gate
	sent     [][]string            // by channel, since ever
	before   map[uint64][][]string // by checkpoint and channel: what was sent before its barrier
	had      [][]string            // received, by channel
	next     []uint64              // the next barrier of each channel
	aligns   []Origin
	overtake map[uint64]time.Time
	pending  []*open
	batches  int
}

// open is a barrier that has overtaken, and what had been received before it.
type open struct {
	checkpoint uint64
	had        [][]string
	*Captured
}

func newTraffic(t *testing.T, rng *rand.Rand) *traffic {
	n := 1 + rng.IntN(4)
	origins := from(n)
	for i := range origins {
		origins[i].Aligns = rng.IntN(5) == 0
	}
	return &traffic{
		t: t, rng: rng, g: NewGate(origins, 1+rng.IntN(4), same), aligns: origins, sent: make([][]string, n), had: make([][]string, n),
		before: map[uint64][][]string{}, next: slices.Repeat([]uint64{1}, n), overtake: map[uint64]time.Time{},
	}
}

func (tr *traffic) step() {
	switch i := tr.rng.IntN(len(tr.sent)); tr.rng.IntN(8) {
	case 0:
		tr.barrier(i)
	case 1, 2, 3:
		tr.batches++
		if name := fmt.Sprint(i, "-", tr.batches); tr.g.Sender(i).TrySend(batch(name)) {
			tr.sent[i] = append(tr.sent[i], name)
		}
	case 4:
		<-time.After(time.Duration(tr.rng.IntN(20)) * time.Millisecond)
		synctest.Wait()
	default:
		tr.receive()
	}
}

func (tr *traffic) barrier(i int) {
	n := tr.next[i]
	at, ok := tr.overtake[n]
	if !ok {
		if tr.rng.IntN(3) > 0 {
			at = time.Now().Add(time.Duration(tr.rng.IntN(40)) * time.Millisecond)
		}
		tr.overtake[n] = at
	}
	if !tr.g.Sender(i).put(barrierBy(n, at), tr.rng.IntN(2) == 0) {
		return
	}
	if tr.before[n] == nil {
		tr.before[n] = make([][]string, len(tr.sent))
	}
	tr.before[n][i] = slices.Clone(tr.sent[i])
	tr.next[i]++
}

func (tr *traffic) receive() (ok bool) {
	e, ok := tr.g.TryNext()
	if tr.g.broken != nil {
		tr.t.Fatal(tr.g.broken)
	}
	if e.Batch != nil {
		tr.had[e.Channel] = append(tr.had[e.Channel], e.Batch.(string))
	}
	if e.Barrier != nil {
		o := &open{checkpoint: e.Barrier.Checkpoint, Captured: e.Captured}
		for _, had := range tr.had {
			o.had = append(o.had, slices.Clone(had))
		}
		tr.pending = append(tr.pending, o)
	}
	tr.check()
	return ok
}

// check compares what is complete.
func (tr *traffic) check() {
	for len(tr.pending) > 0 {
		o := tr.pending[0]
		if o.Captured != nil {
			select {
			case <-o.Complete():
			default:
				return
			}
			for i, l := range o.Generations[0] {
				if tr.aligns[i].Aligns && len(l.Messages) > 0 {
					tr.t.Fatalf("checkpoint %d has overtaken %v in channel %d", o.checkpoint, l.Messages, i)
				}
				for _, m := range l.Messages {
					o.had[i] = append(o.had[i], m.Batch.(string))
				}
			}
		}
		for i, want := range tr.before[o.checkpoint] {
			if !slices.Equal(o.had[i], want) {
				tr.t.Fatalf("checkpoint %d, channel %d: %v, want %v", o.checkpoint, i, o.had[i], want)
			}
		}
		tr.pending = tr.pending[1:]
	}
}

// finish lets all barriers come, and everything be received.
func (tr *traffic) finish() {
	last := slices.Max(tr.next)
	for i := range tr.next {
		for tr.next[i] < last {
			tr.barrier(i)
			tr.receive()
		}
	}
	for {
		<-time.After(time.Second)
		synctest.Wait()
		for tr.receive() {
		}
		if slices.EqualFunc(tr.had, tr.sent, slices.Equal) && len(tr.pending) == 0 {
			return
		}
		if !tr.receive() && tr.g.capture == nil && !tr.g.urgency.Is() {
			tr.t.Fatalf("received %v, sent %v; %d barriers are not complete", tr.had, tr.sent, len(tr.pending))
		}
	}
}
