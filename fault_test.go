package aquifer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// dice decide what fails. They are for many goroutines.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{rng: rand.New(rand.NewPCG(seed, 0))} }

// once is true once in so many times.
func (d *dice) once(in int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(in) == 0
}

func (d *dice) maybe(in int) error {
	if d.once(in) {
		return errors.New("a fault")
	}
	return nil
}

// request makes one in so many requests to a store fail, half of the writes after they have taken effect.
func (d *dice) request(in int) func(op fault.Op, name string, n int) fault.Fault {
	return func(op fault.Op, _ string, _ int) fault.Fault {
		switch {
		case !d.once(in):
			return fault.None
		case op.Writes() && d.once(2):
			return fault.After
		}
		return fault.Before
	}
}

// troubled runs inVirtualTime, in which pauses take none.
func troubled(t *testing.T, seed uint64, bug func(*numbers, *collected[string])) (wrong string) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) { wrong = inVirtualTime(t, seed, bug) })
	return wrong
}

// inVirtualTime runs countJob with a fault now and then, in user code, in every step of the sink and in every kind of
// request to the store, restarting it as a new process would when it gives up. It says what is wrong with the
// output, if anything is. bug changes the source and the sink.
func inVirtualTime(t *testing.T, seed uint64, bug func(*numbers, *collected[string])) string {
	const end = 3000
	d := newDice(seed)
	store := fault.New(mem.New(), d.request(100))
	sink := newCollected[string]()
	sink.fault = func(step string) error {
		if step == "write" {
			return d.maybe(2000)
		}
		return d.maybe(30)
	}
	// The source takes its time: checkpoints come in the middle of splits.
	pace := func(int64) error { <-time.After(100 * time.Microsecond); return nil }
	source := numbers{end: end, splits: 2, batch: 7, gate: pace}
	fail := func(int64) error {
		if d.once(4_000) {
			panic("a fault")
		}
		return d.maybe(4_000)
	}
	if bug != nil {
		bug(&source, sink)
	}
	for range 500 {
		r, err := countJob(source, sink, fail).Run(t.Context(), RunOptions{
			Parallelism: 1 + int(seed%3), CheckpointInterval: time.Millisecond, TolerateFailures: 1, Restarts: 1,
			objects: store,
		})
		if err == nil && r.Finished {
			got := sorted(sink.rows())
			if want := expectedCounts(end); !slices.Equal(got, want) {
				return fmt.Sprintf("%d rows, want %d", len(got), len(want))
			}
			return ""
		}
	}
	return "it never finished"
}

func TestOutputIsExactlyOnceUnderFaultsEverywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	seeds := uint64(50)
	if testing.Short() {
		seeds = 20
	}
	for i := range seeds {
		if wrong := troubled(t, seed+i, nil); wrong != "" {
			t.Fatalf("seed %d: %s", seed+i, wrong)
		}
	}
}

func TestTheFaultTestFindsPlantedBugs(t *testing.T) {
	for name, bug := range map[string]func(*numbers, *collected[string]){
		"commits early":    func(_ *numbers, c *collected[string]) { c.early = true },
		"loses a position": func(n *numbers, _ *collected[string]) { n.lose = true },
	} {
		found := false
		for seed := uint64(0); seed < 100 && !found; seed++ {
			found = troubled(t, seed, bug) != ""
		}
		if !found {
			t.Errorf("a job that %s passes", name)
		}
	}
}
