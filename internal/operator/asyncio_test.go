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
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/channel"
)

var (
	inOrder = AsyncConfig{Capacity: 100}
	asDone  = AsyncConfig{Capacity: 100, Unordered: true}
)

func TestResultsLeaveInTheOrderOfTheirRows(t *testing.T) {
	asks(t, inOrder, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1, 2, 3)
		must(t, r.Watermark(35))
		must(t, r.Idle(true))
		r.rows(4)
		r.answers(3, 2)
		r.out.expect(t, "")
		r.answers(1)
		r.out.expect(t, "1@10 2@20 3@30 w35 idle true")
		r.answers(4)
		r.out.expect(t, "4@40")
	})
}

func TestUnorderedResultsLeaveWhenTheyAreThereButWatermarksKeepTheirPlace(t *testing.T) {
	asks(t, asDone, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1, 2, 3)
		must(t, r.Watermark(35))
		r.rows(4, 5)
		must(t, r.Watermark(55))
		r.answers(5, 3)
		r.out.expect(t, "3@30")
		r.answers(1)
		r.out.expect(t, "1@10")
		r.answers(2)
		r.out.expect(t, "2@20 w35 5@50")
		r.answers(4)
		r.out.expect(t, "4@40 w55")
	})
}

func TestWithoutRowsInFlightEventsLeaveAtOnce(t *testing.T) {
	asks(t, inOrder, nil, func(t *testing.T, r *serviceRig) {
		must(t, r.Watermark(1))
		must(t, r.Batch(rowsOf[int]()))
		must(t, r.Idle(true))
		must(t, r.Idle(false))
		must(t, r.Watermark(2))
		r.out.expect(t, "w1 idle true idle false w2")
		if r.Waits() || r.Full() {
			t.Error("something is in flight")
		}
	})
}

func TestOfWatermarksThatWaitTogetherTheLastOneLeaves(t *testing.T) {
	asks(t, inOrder, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1)
		for at := range int64(5) {
			must(t, r.Watermark(11+at))
		}
		must(t, r.Idle(true))
		must(t, r.Watermark(20))
		r.answers(1)
		r.out.expect(t, "1@10 w15 idle true w20")
	})
}

func TestNoMoreCallsAreUnderWayThanMayBe(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		asks(t, AsyncConfig{Capacity: 2, Unordered: unordered}, nil, func(t *testing.T, r *serviceRig) {
			r.rows(1, 2)
			if r.Full() {
				t.Error("it takes nothing more, but all its rows have begun")
			}
			r.rows(3, 4)
			r.underWay("1 2")
			if !r.Full() {
				t.Error("it takes more although rows have not begun")
			}
			mustSay(t, r.Batch(rowsOf(9)), `operator "ask": a batch came while there was no room for it`)
			r.answers(1)
			r.underWay("2 3")
			r.answers(2)
			r.underWay("3 4")
			if r.Full() || !r.Waits() {
				t.Error("there is room for more")
			}
			r.answers(3, 4)
			r.out.expect(t, "1@10 2@20 3@30 4@40")
			if stats := r.env.Stats; r.service.most > 2 || stats.RowsIn.Load() != 4 || stats.RowsOut.Load() != 4 {
				t.Errorf("%d calls at once, %d rows in, %d out", r.service.most, stats.RowsIn.Load(), stats.RowsOut.Load())
			}
		})
	}
}

func TestResultsThatWaitForTheirTurnTakeRoom(t *testing.T) {
	asks(t, AsyncConfig{Capacity: 2}, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1, 2, 3)
		r.answers(2)
		r.underWay("1")
		if in, calls := r.env.Stats.InFlight.Load(), r.env.Stats.Calls.Load(); in != 3 || calls != 1 {
			t.Errorf("%d rows and %d calls in flight", in, calls)
		}
		r.answers(1)
		r.underWay("3")
		r.answers(3)
		if in, calls := r.env.Stats.InFlight.Load(), r.env.Stats.Calls.Load(); in != 0 || calls != 0 {
			t.Errorf("%d rows and %d calls in flight", in, calls)
		}
	})
}

func TestTheTimeWithoutRoomIsCounted(t *testing.T) {
	asks(t, AsyncConfig{Capacity: 1}, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1, 2)
		must(t, r.passes(time.Second))
		r.answers(1, 2)
		if got := time.Duration(r.env.Stats.WaitTime.Load()); got != time.Second {
			t.Errorf("%v", got)
		}
	})
}

func TestASnapshotLeavesTheRowsWhoseResultsHaveNotLeft(t *testing.T) {
	asks(t, AsyncConfig{Capacity: 3}, nil, func(t *testing.T, r *serviceRig) {
		r.leaves("")
		r.rows(1, 2)
		must(t, r.Watermark(25))
		must(t, r.Idle(true))
		must(t, r.Idle(false))
		r.rows(3, 4, 5)
		r.answers(1, 3)
		r.out.expect(t, "1@10")
		r.leaves("2@20 w25 idle true idle false 3@30 4@40 5@50")
		r.answers(2, 4, 5) // they go on behind the barrier
		r.out.expect(t, "2@20 w25 idle true idle false 3@30 4@40 5@50")
		r.leaves("")
	})
}

func TestASnapshotOfUnorderedRowsHasThemInTheirOrder(t *testing.T) {
	asks(t, asDone, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1, 2, 3, 4)
		must(t, r.Watermark(45))
		r.rows(5)
		r.answers(2, 5)
		r.leaves("1@10 3@30 4@40 w45 5@50")
	})
}

func TestWhatIsDoneByTheBarrierIsNotLeft(t *testing.T) {
	asks(t, inOrder, nil, func(t *testing.T, r *serviceRig) {
		r.rows(1, 2)
		r.service.open[1] <- nil
		synctest.Wait()
		r.leaves("2@20")
		r.out.expect(t, "1@10")
	})
}

func TestDrainingWaitsForAllCalls(t *testing.T) {
	asks(t, AsyncConfig{Capacity: 2, Timeout: time.Minute}, &patient{}, func(t *testing.T, r *serviceRig) {
		r.rows(1, 2, 3)
		must(t, r.Watermark(35))
		must(t, r.Drain())
		r.out.expect(t, "1 later@10 much@10 2 later@20 much@20 3 later@30 much@30 w35")
		r.leaves("")
		if waited := time.Duration(r.env.Stats.WaitTime.Load()); waited > 2*time.Minute {
			t.Errorf("%v", waited)
		}
	})
}

func TestDrainingEndsWithTheTask(t *testing.T) {
	asks(t, inOrder, nil, func(t *testing.T, r *serviceRig) {
		enough := errors.New("it is enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		r.env.Context = ctx
		r.rows(1)
		time.AfterFunc(time.Second, func() { cancel(enough) })
		if err := r.Drain(); !errors.Is(err, enough) {
			t.Error(err)
		}
	})
}

func TestCloseEndsTheCallsAndWaitsForThem(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newServiceRig(t, AsyncConfig{Capacity: 2, Retry: Retry{Attempts: 9, Backoff: time.Hour}}, nil)
		r.rows(1, 2, 3)
		must(t, r.fails(1, errBroken)) // it waits for its next attempt
		must(t, r.Close())
		if got := strings.Join(r.service.trail, ", "); got != "open, close with 0" {
			t.Errorf("%s", got)
		}
		r.out.expect(t, "")
	})
}

func TestCallsThatFailBecauseTheTaskStopsSayWhyItDoes(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		enough := errors.New("it is enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		env, out := place("ask"), &stage[string]{}
		env.Context = ctx
		s := &service{open: map[int]chan error{}}
		a := NewAsync[int, string](env, out, inOrder, s)
		must(t, a.Batch(rowsOf(7)))
		synctest.Wait()
		cancel(enough)
		synctest.Wait()
		if err := a.Resume(); err != enough {
			t.Errorf("%v", err)
		}
		must(t, a.Close())
	})
}

func TestResultsWithoutAndWithManyRows(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		many := many{}
		out := &stage[string]{}
		a := NewAsync[int, string](place("many"), out, inOrder, many)
		must(t, a.Open())
		must(t, a.Batch(rowsOf(0, 2, 0, 3000)))
		must(t, a.Drain())
		if len(out.seen) != 3002 || out.seen[1] != "2/1@2" || out.seen[3001] != "3000/2999@4" {
			t.Errorf("%d rows", len(out.seen))
		}
		must(t, a.Close())
	})
}

// many makes as many rows as its row says.
type many struct{}

func (many) Call(_ context.Context, n *int) (all []string, err error) {
	for i := range *n {
		all = append(all, fmt.Sprint(*n, "/", i))
	}
	return all, nil
}

// hurried is a story of random calls and answers, with restarts in between.
type hurried struct {
	*serviceRig
	rng    *rand.Rand
	config AsyncConfig
	next   int
	input  []string // what has come, in order
	all    []string // what has left
}

func (h *hurried) step() {
	h.t.Helper()
	switch n := h.rng.IntN(10); {
	case n < 4 && !h.Full():
		rows := make([]int, h.rng.IntN(8))
		for i := range rows {
			h.next++
			rows[i] = h.next
			h.input = append(h.input, fmt.Sprintf("%d@%d", h.next, 10*h.next))
		}
		h.rows(rows...)
	case n == 4 && !h.Full():
		must(h.t, h.Watermark(int64(10*h.next)))
		h.input = append(h.input, fmt.Sprint("w", 10*h.next))
	case n == 5 && h.rng.IntN(3) == 0:
		h.restart()
	default:
		h.answer()
	}
}

// answer answers any call, or lets it fail once.
func (h *hurried) answer() {
	h.t.Helper()
	h.service.mu.Lock()
	open := make([]int, 0, len(h.service.open))
	for n := range h.service.open {
		open = append(open, n)
	}
	h.service.mu.Unlock()
	if len(open) == 0 {
		return
	}
	slices.Sort(open)
	var with error
	if h.rng.IntN(5) == 0 {
		with = errBroken
	}
	must(h.t, h.fails(open[h.rng.IntN(len(open))], with))
	must(h.t, h.passes(time.Second))
}

// restart goes on from a snapshot with another capacity.
func (h *hurried) restart() {
	h.t.Helper()
	s, err := h.Snapshot(1)
	must(h.t, err)
	must(h.t, h.Close())
	h.all = append(h.all, h.out.seen...)
	h.config.Capacity = 1 + h.rng.IntN(9)
	h.serviceRig = newServiceRig(h.t, h.config, nil)
	for _, l := range s.InFlight {
		for _, m := range l.Messages {
			for h.Full() {
				h.answer()
			}
			h.comes(m)
		}
	}
}

func (h *hurried) comes(m channel.Message) {
	h.t.Helper()
	if m.Batch == nil {
		must(h.t, h.Watermark(m.Watermark))
		return
	}
	must(h.t, h.Batch(m.Batch.(*flow.Batch[int])))
	synctest.Wait()
}

// withoutRepeats are the things that came, but for watermarks directly behind others.
func withoutRepeats(all []string) (kept []string) {
	for i, s := range all {
		if next := i + 1; s[0] == 'w' && next < len(all) && all[next][0] == 'w' {
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// sortedBetween sorts the rows between two watermarks.
func sortedBetween(all []string) []string {
	all = slices.Clone(all)
	from := 0
	for i, s := range append(all, "w") {
		if s[0] == 'w' {
			slices.Sort(all[from:i])
			from = i + 1
		}
	}
	return all
}

func TestHoweverAServiceAnswersEachRowHasItsResultOnceAndInItsPlace(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(60) {
		bubble.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, i))
			c := AsyncConfig{
				Capacity: 1 + rng.IntN(9), Unordered: i%2 == 0, Retry: Retry{Attempts: 99, Backoff: time.Millisecond},
			}
			h := &hurried{serviceRig: newServiceRig(t, c, nil), rng: rng, config: c}
			for range 150 {
				h.step()
			}
			for h.Waits() {
				h.answer()
			}
			must(t, h.Close())
			got, want := withoutRepeats(append(h.all, h.out.seen...)), withoutRepeats(h.input)
			if c.Unordered {
				got, want = sortedBetween(got), sortedBetween(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("seed %d, %d: unordered %v:\ngot  %v\nwant %v", seed, i, c.Unordered, got, want)
			}
		})
	}
}
