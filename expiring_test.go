package aquifer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// forgetful remembers how often it has seen a number, in a state of each kind. Of a negative one it tells.
type forgetful struct {
	options []state.Option
	last    state.Value[int64]
	entries state.Map[string, int64]
	rows    state.List[int64]
	sum     state.Reducing[int64]
}

func (f *forgetful) Open(s *state.Scope) (err error) {
	if f.last, err = state.NewValue[int64](s, "last", f.options...); err != nil {
		return err
	}
	if f.entries, err = state.NewMap[string, int64](s, "entries", f.options...); err != nil {
		return err
	}
	if f.rows, err = state.NewList[int64](s, "rows", f.options...); err != nil {
		return err
	}
	f.sum, err = state.NewReducing(s, "sum", func(into, v *int64) { *into += *v }, f.options...)
	return err
}

func (f *forgetful) Process(ctx *Context, in *int64, out Collector[string]) error {
	if *in < 0 {
		return f.tell(ctx, -*in, out)
	}
	if err := f.last.Set(ctx, *in); err != nil {
		return err
	}
	if err := f.entries.Set(ctx, "entry", *in); err != nil {
		return err
	}
	if err := f.rows.Append(ctx, *in); err != nil {
		return err
	}
	return f.sum.Add(ctx, 1)
}

func (f *forgetful) tell(ctx *Context, n int64, out Collector[string]) error {
	_, value, err := f.last.Get(ctx)
	if err != nil {
		return err
	}
	_, entry, err := f.entries.Get(ctx, "entry")
	if err != nil {
		return err
	}
	rows, err := f.rows.Len(ctx)
	if err != nil {
		return err
	}
	sum, _, err := f.sum.Get(ctx)
	out.Emit(fmt.Sprintf("%d: %v %v %d %d", n, value, entry, rows, sum))
	return err
}

// expiring is a job that goes on where it was stopped, in runs: each ends with the round of numbers of its number.
type expiring struct {
	t      *testing.T
	store  *mem.Store
	sink   *collected[string]
	rounds [][]step[int64]
	run    int
}

// next runs the next round, and returns its rows.
func (e *expiring) next(options ...state.Option) []string {
	e.t.Helper()
	p, before := newPause(), len(e.sink.rows())
	var steps []step[int64]
	for i, round := range e.rounds {
		end := step[int64]{}
		if i == e.run {
			end = here[int64](p)
		}
		steps = append(append(steps, round...), end)
	}
	e.run++
	job := NewJob("expiring")
	abs := func(n *int64) int64 { return max(*n, -*n) }
	byNumber := KeyBy(From(job, "numbers", oneSplit(steps...)), abs)
	told := Process(byNumber, "memory", func() ProcessFunc[int64, string] { return &forgetful{options: options} })
	To(told, "out", e.sink)
	_, err := job.Run(e.t.Context(), RunOptions{
		Parallelism: 2, CheckpointInterval: time.Minute, Restarts: -1, Stop: p.stop, objects: e.store,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return sorted(e.sink.rows()[before:])
}

func (e *expiring) mustBe(got []string, want ...string) {
	e.t.Helper()
	if !slices.Equal(got, want) {
		e.t.Errorf("%q, want %q", got, want)
	}
}

// bytes is what tables take on the store.
func (e *expiring) bytes() (n int64) {
	for o, err := range e.store.List(context.Background(), checkpoint.TablePrefix) {
		if err != nil {
			e.t.Fatal(err)
		}
		n += o.Size
	}
	return n
}

func newExpiring(t *testing.T, rounds ...[]step[int64]) *expiring {
	return &expiring{t: t, store: mem.New(), sink: newCollected[string](), rounds: rounds}
}

func TestWhatExpiresWhileAJobIsStoppedIsGoneWhenItGoesOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		e := newExpiring(t, each[int64](1, 2, 2), each[int64](2, -1), each[int64](-1, -2))
		hour := state.TTL(time.Hour)
		e.mustBe(e.next(hour))
		<-time.After(50 * time.Minute)
		e.mustBe(e.next(hour), "1: true true 1 1")
		<-time.After(20 * time.Minute)
		e.mustBe(e.next(hour), "1: false false 0 0", "2: true true 1 3")
	})
}

func TestAnotherTimeToLiveHoldsFromTheNextWriteOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		e := newExpiring(t, each[int64](1, 2), each[int64](2), each[int64](-1, -2), each[int64](-1))
		e.mustBe(e.next(state.TTL(time.Hour)))
		e.mustBe(e.next(state.TTL(time.Minute)))
		<-time.After(30 * time.Minute)
		e.mustBe(e.next(state.TTL(time.Minute)), "1: true true 1 1", "2: false false 1 0")
		<-time.After(31 * time.Minute)
		e.mustBe(e.next(state.TTL(time.Minute)), "1: false false 0 0")
	})
}

func TestATimeToLiveThatIsNewBeginsWithTheNextUse(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		e := newExpiring(t, each[int64](1), each[int64](-1), each[int64](-1), each[int64](-1))
		e.mustBe(e.next())
		<-time.After(100 * time.Hour)
		e.mustBe(e.next(state.TTL(time.Hour)), "1: true true 1 1")
		<-time.After(50 * time.Minute)
		e.mustBe(e.next(state.TTL(time.Hour)), "1: true true 1 1")
		<-time.After(20 * time.Minute)
		e.mustBe(e.next(state.TTL(time.Hour)), "1: false false 1 0") // Len is no read
	})
}

func TestWhatHadATimeToLiveStaysWhenThatIsTakenAway(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		e := newExpiring(t, each[int64](1, 1), each[int64](-1), each[int64](1, -1))
		e.mustBe(e.next(state.TTL(time.Hour)))
		<-time.After(100 * time.Hour)
		e.mustBe(e.next(), "1: true true 2 2")
		<-time.After(100 * time.Hour)
		e.mustBe(e.next(), "1: true true 3 3")
	})
}

// many are so many numbers, in batches.
func many(n int64) []step[int64] {
	var rows []int64
	for i := range n {
		rows = append(rows, i+1)
	}
	return []step[int64]{{rows: rows}}
}

func TestTheStoreIsFreeOfWhatHasExpiredAfterTwoSweeps(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		e := newExpiring(t, many(5000), []step[int64]{in(4*time.Hour, int64(7))}, each[int64](-7, -8))
		hour := state.TTL(time.Hour)
		e.mustBe(e.next(hour))
		before := e.bytes()
		e.mustBe(e.next(hour)) // in memory there is nothing of it
		if after := e.bytes(); after > before/10 {
			t.Errorf("%d bytes of tables are left of %d", after, before)
		}
		e.mustBe(e.next(hour), "7: true true 1 1", "8: false false 0 0")
	})
}

func TestATimeToLiveThatCannotBeIsFoundBeforeAJobRuns(t *testing.T) {
	job := NewJob("expiring")
	byNumber := KeyBy(From(job, "numbers", oneSplit(each[int64](1)...)), func(n *int64) int64 { return *n })
	told := Process(byNumber, "memory", func() ProcessFunc[int64, string] {
		return &forgetful{options: []state.Option{state.TTL(0)}}
	})
	To(told, "out", newCollected[string]())
	_, err := job.Run(t.Context(), RunOptions{objects: mem.New()})
	if err == nil || !strings.Contains(err.Error(), `"last": its time-to-live is 0s`) {
		t.Error(err)
	}
}
