package aquifer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// oracle is an outside service that says of a number how much twice as much is. Of some it does not before it is told
// to.
type oracle struct {
	shut  func(n int64) bool // whether a number waits; nil for none
	told  chan struct{}
	fail  func(n int64) error // asked at the end of each call; nil for none that fails
	mu    sync.Mutex
	calls map[int64]int
}

func newOracle(shut func(n int64) bool) *oracle {
	return &oracle{shut: shut, told: make(chan struct{}), calls: map[int64]int{}}
}

func (o *oracle) ask(ctx context.Context, n *int64) ([]int64, error) {
	o.mu.Lock()
	o.calls[*n]++
	o.mu.Unlock()
	if o.shut != nil && o.shut(*n) {
		select {
		case <-o.told:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if o.fail != nil {
		if err := o.fail(*n); err != nil {
			return nil, err
		}
	}
	return []int64{2 * *n}, nil
}

// again is how many numbers have been asked for more than once.
func (o *oracle) again() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, calls := range o.calls {
		if calls > 1 {
			n++
		}
	}
	return n
}

// consulting is a job that asks an oracle about the numbers below an end.
func consulting(end int64, o *oracle, sink *collected[int64], options ...AsyncOption) *Job {
	return consultingBelow(end, end, o, sink, options...)
}

// consultingBelow is one that rests before the end.
func consultingBelow(rest, end int64, o *oracle, sink *collected[int64], options ...AsyncOption) *Job {
	job := NewJob("consulting")
	pace := func(next int64) error {
		if next >= rest && next < end {
			return errRests
		}
		<-time.After(time.Millisecond)
		return nil
	}
	in := From(job, "numbers", numbers{end: end, splits: 2, batch: 5, gate: pace}, Monotonic(identity))
	To(Async(in, "ask", o.ask, options...), "out", sink)
	return job
}

func doubles(end int64) (all []int64) {
	for n := range end {
		all = append(all, 2*n)
	}
	return all
}

func wantDoubles(t *testing.T, sink *collected[int64], end int64) {
	t.Helper()
	if got := slices.Sorted(slices.Values(sink.rows())); !slices.Equal(got, doubles(end)) {
		t.Errorf("got %v", got)
	}
}

// consultingOptions are those of runs over a store.
func consultingOptions(store objstore.Store, parallelism int) RunOptions {
	return RunOptions{
		Parallelism: parallelism, MaxParallelism: 16, CheckpointInterval: 5 * time.Millisecond, objects: store,
		RestartDelay: time.Millisecond,
	}
}

func TestCallsInFlightAreMadeAgainAtAnotherParallelism(t *testing.T) {
	for _, p := range [][2]int{{1, 1}, {2, 3}, {3, 1}} {
		for _, options := range [][]AsyncOption{nil, {AsyncUnordered(), AsyncCapacity(7)}} {
			bubble.Test(t, func(t *testing.T) {
				store, sink := mem.New(), newCollected[int64]()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				o := newOracle(func(n int64) bool { return n%5 == 3 })
				first := consultingOptions(store, p[0])
				stored := 0
				first.OnEvent = func(e Event) {
					if s, ok := e.(CheckpointStored); ok && s.Overtaken > 0 {
						if stored++; stored == 3 { // although no call of theirs ends
							cancel()
						}
					}
				}
				_, err := consultingBelow(80, 120, o, sink, options...).Run(ctx, first)
				if !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				before := len(sink.rows())
				close(o.told)
				mustRun(t, consulting(120, o, sink, options...), consultingOptions(store, p[1]))
				wantDoubles(t, sink, 120)
				if before == 120 || o.again() == 0 {
					t.Errorf("%d rows before the restart, %d calls made again", before, o.again())
				}
			})
		}
	}
}

func TestSavepointsAndStopsWaitForAllCalls(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		store, sink, o := mem.New(), newCollected[int64](), newOracle(func(n int64) bool { return n >= 50 })
		var requests Requests
		var asked sync.WaitGroup
		var once sync.Once
		seen := map[string]int64{}
		stop := make(chan struct{})
		first := consultingOptions(store, 2)
		first.Requests, first.Stop = &requests, stop
		first.OnEvent = func(e Event) {
			s, ok := e.(CheckpointStored)
			if !ok {
				return
			}
			if seen[s.Reason] += s.Overtaken; s.Overtaken == 0 {
				return
			}
			once.Do(func() {
				asked.Go(func() {
					if _, err := requests.Savepoint(t.Context()); err != nil {
						t.Error(err)
					}
					close(stop)
				})
				time.AfterFunc(time.Second, func() { close(o.told) })
			})
		}
		mustRun(t, consulting(1<<40, o, sink), first)
		asked.Wait()
		_, saved := seen["savepoint"]
		_, stopped := seen["stop"]
		if !saved || !stopped || seen["savepoint"]+seen["stop"] > 0 || seen["periodic"] == 0 || o.again() > 0 {
			t.Errorf("%v; %d calls were made again", seen, o.again())
		}
	})
}

func TestACallThatFailsTakesTheTaskBackToItsCheckpoint(t *testing.T) {
	for name, end := range map[string]func() error{
		"lost":        func() error { return errors.New("lost") },
		"panic: lost": func() error { panic("lost") },
	} {
		bubble.Test(t, func(t *testing.T) {
			sink, o := newCollected[int64](), newOracle(nil)
			left := 2
			o.fail = func(n int64) error {
				o.mu.Lock()
				defer o.mu.Unlock()
				if n == 77 && left > 0 {
					left--
					return end()
				}
				return nil
			}
			r := mustRun(t, consulting(120, o, sink), consultingOptions(mem.New(), 2))
			wantDoubles(t, sink, 120)
			if len(r.Failures) != 2 {
				t.Fatalf("%+v", r.Failures)
			}
			if f := r.Failures[0]; f.Operator != "ask" || f.Record != "77" || f.Message != name {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestTheOrderOfASplitSurvivesRestarts(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		store, sink, o := mem.New(), newCollected[int64](), newOracle(nil)
		o.fail = func(n int64) error { <-time.After(time.Duration(n*7919%30) * time.Millisecond); return nil }
		for end := false; !end; {
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
			r, err := consulting(200, o, sink).Run(ctx, consultingOptions(store, 2))
			if end = r.Finished; err != nil && ctx.Err() == nil {
				t.Fatal(err)
			}
			cancel()
		}
		last := [2]int64{-1, -1}
		for _, n := range sink.rows() {
			split := n / 2 % 2
			if n <= last[split] {
				t.Fatalf("%d behind %d: %v", n, last[split], sink.rows())
			}
			last[split] = n
		}
		wantDoubles(t, sink, 200)
		if o.again() == 0 {
			t.Error("no call was in flight at the end of a run")
		}
	})
}

// resigned is a function that does without the oracle when it takes too long.
type resigned struct{ *oracle }

func (r resigned) Call(ctx context.Context, n *int64) ([]int64, error) { return r.ask(ctx, n) }
func (r resigned) OnTimeout(_ context.Context, n *int64) ([]int64, error) {
	return []int64{-*n, -*n}, nil
}

func TestAJobGoesOnWithoutAServiceThatIsSlow(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		o := newOracle(func(n int64) bool { return n == 4 })
		job, sink := NewJob("resigned"), newCollected[int64]()
		in := From(job, "numbers", numbers{end: 7, splits: 1, batch: 3})
		To(ProcessAsync(in, "ask", func() AsyncFunc[int64, int64] { return resigned{o} },
			AsyncTimeout(time.Minute), WithAsync(Parallelism(1))), "out", sink)
		r := mustRun(t, job, RunOptions{Parallelism: 1})
		if got := fmt.Sprint(sink.rows()); got != "[0 2 4 6 -4 -4 10 12]" {
			t.Errorf("%s", got)
		}
		if n := metric.Sum(r.Metrics, metric.CallTimeouts); n != 1 {
			t.Errorf("%g timeouts", n)
		}
	})
}

func TestCallsAreMadeAgainAndCounted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		sink, o := newCollected[int64](), newOracle(nil)
		busy := errors.New("busy")
		o.fail = func(n int64) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.calls[n] < 3 && n%2 == 0 {
				return fmt.Errorf("%d: %w", n, busy)
			}
			return nil
		}
		worth := func(err error) bool { return errors.Is(err, busy) }
		r := mustRun(t, consulting(40, o, sink, AsyncRetry(Retry{Attempts: 3, Backoff: time.Second, If: worth})),
			RunOptions{Parallelism: 2})
		wantDoubles(t, sink, 40)
		if n := metric.Sum(r.Metrics, metric.CallRetries); n != 40 {
			t.Errorf("%g calls were made again", n)
		}
		if n := metric.Sum(r.Metrics, metric.CallsInFlight); n != 0 {
			t.Errorf("%g calls are under way in the end", n)
		}
	})
}

func TestMistakesInAskingAServiceAreReported(t *testing.T) {
	type secret struct{ Back func() }
	job := NewJob("mistakes")
	in := From(job, "numbers", numbers{end: 1, splits: 1, batch: 1})
	none := func(context.Context, *int64) ([]int64, error) { return nil, nil }
	To(Async(in, "capacity", none, AsyncCapacity(0)), "a", newCollected[int64]())
	To(Async(in, "timeout", none, AsyncTimeout(-1)), "b", newCollected[int64]())
	To(Async(in, "flight", none, WithAsync(InFlight(3))), "c", newCollected[int64]())
	secrets := Map(in, func(*int64) secret { return secret{} })
	tell := func(context.Context, *secret) ([]int64, error) { return nil, nil }
	To(Async(secrets, "tell", tell), "d", newCollected[int64]())
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1})
	wantError(t, err, `operator "capacity": a capacity of 0 calls is asked for`, `operator "timeout": a timeout of -1ns`,
		`operator "flight": its rows in flight are bounded by AsyncCapacity: leave out InFlight`,
		`operator "tell": checkpoints cannot have the rows whose calls have not ended: `, "Back")
	if strings.Contains(err.Error(), `"a"`) {
		t.Error(err)
	}
}
