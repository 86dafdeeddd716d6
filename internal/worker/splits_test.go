package worker

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
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// files are bounded splits, partitions unbounded ones.
func files(ids ...string) []flow.Split { return splitsOf(true, ids) }

func partitions(ids ...string) []flow.Split { return splitsOf(false, ids) }

func splitsOf(bounded bool, ids []string) (all []flow.Split) {
	for _, id := range ids {
		all = append(all, flow.Split{ID: id, Bounded: bounded})
	}
	return all
}

// finds is a source that discovers one list of splits at each call, and nothing more after the last.
func finds(lists ...[]flow.Split) *plan.Source {
	return &plan.Source{Discover: func(context.Context, flow.Known) (flow.Discovery, error) {
		d := flow.Discovery{Splits: lists[0]}
		if lists = lists[1:]; len(lists) > 0 {
			d.Again = time.Minute
		}
		return d, nil
	}}
}

// testPool is a pool that counts how often it woke the tasks.
type testPool struct {
	*splitPool
	woken int
}

func newTestPool(source *plan.Source, parallelism int) *testPool {
	p := &testPool{}
	p.splitPool = newSplitPool(source, "from", parallelism, func() { p.woken++ })
	return p
}

func (p *testPool) discovered(t *testing.T) *testPool {
	t.Helper()
	if err := p.discover(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return p
}

// ask renders the answer to a subtask that reads the given number of bounded splits.
func (p *testPool) ask(subtask, active int) string {
	split, supply := p.Take(subtask, active)
	if supply == operator.Given {
		return split.ID
	}
	return map[operator.Supply]string{
		operator.Later: "later", operator.Drained: "drained", operator.Exhausted: "exhausted",
	}[supply]
}

func (p *testPool) expect(t *testing.T, subtask, active int, want string) {
	t.Helper()
	if got := p.ask(subtask, active); got != want {
		t.Fatalf("subtask %d with %d open was told %q, want %q", subtask, active, got, want)
	}
}

func ids(splits []flow.Split) string {
	var all []string
	for _, s := range splits {
		all = append(all, s.ID)
	}
	return strings.Join(all, " ")
}

func TestBoundedSplitsAreGivenOneAtATimeInOrder(t *testing.T) {
	p := newTestPool(finds(files("a", "b", "c")), 2).discovered(t)
	p.expect(t, 0, 0, "a")
	p.expect(t, 0, 1, "later")
	p.expect(t, 1, 0, "b")
	p.expect(t, 1, 0, "c")
	p.expect(t, 0, 0, "exhausted")
	p.expect(t, 1, 1, "exhausted")
}

func TestUnboundedSplitsAreSpreadEvenly(t *testing.T) {
	p := newTestPool(finds(partitions("a", "b", "c", "d", "e"), nil), 2).discovered(t)
	p.expect(t, 1, 0, "a")
	p.expect(t, 1, 0, "later")
	p.expect(t, 0, 0, "b")
	p.expect(t, 0, 0, "c")
	p.expect(t, 0, 0, "later")
	p.expect(t, 1, 0, "d")
	p.expect(t, 1, 0, "e")
	p.expect(t, 0, 0, "drained")
}

// A subtask whose partitions are quiet sleeps: it would not ask again by itself.
func TestASubtaskThatWasToldLaterIsWokenWhenItsTurnComes(t *testing.T) {
	p := newTestPool(finds(partitions("a", "b", "c")), 2).discovered(t)
	p.expect(t, 0, 0, "a")
	p.expect(t, 0, 0, "later")
	p.woken = 0
	p.expect(t, 1, 0, "b")
	if p.woken == 0 {
		t.Error("the subtask sleeps on, though it may now have what is left")
	}
	p.expect(t, 0, 0, "c")
}

func TestAPoolIsDrainedUntilNothingMoreCanBeDiscovered(t *testing.T) {
	p := newTestPool(finds(files("a"), nil, files("b")), 1).discovered(t)
	p.expect(t, 0, 0, "a")
	p.expect(t, 0, 0, "drained")
	p.discovered(t).expect(t, 0, 0, "drained")
	p.discovered(t).expect(t, 0, 0, "b")
	p.expect(t, 0, 0, "exhausted")
}

func TestASplitThatIsDiscoveredAgainIsNotGivenAgain(t *testing.T) {
	p := newTestPool(finds(files("a", "b", "a"), files("b", "c", "a")), 1).discovered(t)
	p.expect(t, 0, 0, "a")
	p.discovered(t)
	p.expect(t, 0, 0, "b")
	p.expect(t, 0, 0, "c")
	p.expect(t, 0, 0, "exhausted")
}

func TestASourceIsToldWhatIsKnown(t *testing.T) {
	var told []string
	source := &plan.Source{Discover: func(_ context.Context, k flow.Known) (flow.Discovery, error) {
		told = append(told, fmt.Sprint(k.Parallelism, k.First, k.Has("old"), k.Has("new")))
		return flow.Discovery{Splits: files("new"), Again: time.Second}, nil
	}}
	p := newTestPool(source, 3)
	p.restore([]string{"old"}, nil, nil)
	for _, first := range []bool{true, false} {
		if err := p.discover(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"3 true true false", "3 false true true"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestAFailureToDiscoverNamesTheSource(t *testing.T) {
	broken := errors.New("no such directory")
	p := newTestPool(&plan.Source{Discover: func(context.Context, flow.Known) (flow.Discovery, error) {
		return flow.Discovery{Splits: files("a")}, broken
	}}, 1)
	err := p.discover(t.Context(), true)
	if !errors.Is(err, broken) || err.Error() != `source "from": no such directory` {
		t.Errorf("error %v", err)
	}
	p.expect(t, 0, 0, "drained")
}

// pass lets time go by in a bubble, until all that happens in it has happened.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestDiscoveryGoesOnAtTheSourcesPaceAndWakesTheTasks(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := newTestPool(finds(nil, files("a"), files("b")), 1).discovered(t)
		ran := make(chan error, 1)
		go func() { ran <- p.run(t.Context()) }()
		pass(time.Minute - time.Nanosecond)
		p.expect(t, 0, 0, "drained")
		pass(time.Nanosecond)
		if p.woken != 1 {
			t.Errorf("the tasks were woken %d times", p.woken)
		}
		p.expect(t, 0, 0, "a")
		p.expect(t, 0, 0, "drained")
		if err := <-ran; err != nil || p.woken != 2 {
			t.Errorf("discovery ended with %v, the tasks were woken %d times", err, p.woken)
		}
		p.expect(t, 0, 0, "b")
		p.expect(t, 0, 0, "exhausted")
	})
}

func TestDiscoveryEndsWithItsContext(t *testing.T) {
	p := newTestPool(finds(nil, nil), 1).discovered(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.run(ctx); err != nil {
		t.Error(err)
	}
}

func TestAFailureOfALaterDiscoveryEndsIt(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		broken, calls := errors.New("gone"), 0
		p := newTestPool(&plan.Source{Discover: func(context.Context, flow.Known) (flow.Discovery, error) {
			if calls++; calls == 3 {
				return flow.Discovery{}, broken
			}
			return flow.Discovery{Again: time.Hour}, nil
		}}, 1).discovered(t)
		if err := p.run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	})
}

func TestNothingIsGivenBetweenACheckpointAndTheLastOfItsBarriers(t *testing.T) {
	p := newTestPool(finds(files("a", "b", "c")), 2).discovered(t)
	p.expect(t, 0, 0, "a")
	known, unassigned := p.snapshot(7)
	if !slices.Equal(known, []string{"a", "b", "c"}) || ids(unassigned) != "b c" {
		t.Fatalf("the checkpoint knows %q, of which %q are unassigned", known, ids(unassigned))
	}
	p.woken = 0
	p.expect(t, 1, 0, "later")
	p.Passed(1, 7)
	p.Passed(1, 7)
	p.expect(t, 1, 0, "later")
	if p.woken != 0 {
		t.Error("the tasks were woken before the last barrier")
	}
	p.Passed(0, 7)
	if p.woken != 1 {
		t.Error("the tasks were not woken by the last barrier")
	}
	p.expect(t, 1, 0, "b")
	if ids(unassigned) != "b c" {
		t.Errorf("the checkpoint changed to %q", ids(unassigned))
	}
}

func TestBarriersOfAnAbandonedCheckpointDoNotLoosenTheNext(t *testing.T) {
	p := newTestPool(finds(files("a")), 2).discovered(t)
	p.snapshot(1)
	p.Passed(0, 1)
	p.snapshot(2)
	p.Passed(1, 1)
	p.Passed(0, 1)
	p.Passed(1, 2)
	p.expect(t, 1, 0, "later")
	p.Passed(0, 2)
	p.expect(t, 1, 0, "a")
}

func TestAnEmptyPoolNeedsNoBarriersToSaySo(t *testing.T) {
	p := newTestPool(finds(nil, nil), 1).discovered(t)
	p.snapshot(1)
	p.expect(t, 0, 0, "drained")
	p.discovered(t).expect(t, 0, 0, "exhausted")
	p.woken = 0
	p.Passed(0, 1)
	if p.woken != 0 {
		t.Error("the tasks were woken for nothing")
	}
}

func TestARestoredPoolGoesOnWhereItWas(t *testing.T) {
	p := newTestPool(finds(append(partitions("a", "b", "c"), partitions("d")...)), 2)
	left := flow.Split{ID: "b", Spec: []byte("spec"), Position: []byte("12")}
	p.restore([]string{"c", "a", "b"}, []flow.Split{left}, [][]flow.Split{0: partitions("a", "c")})
	p.discovered(t)
	known, unassigned := p.snapshot(1)
	if !slices.Equal(known, []string{"c", "a", "b", "d"}) || ids(unassigned) != "b d" {
		t.Fatalf("it knows %q, of which %q are unassigned", known, ids(unassigned))
	}
	p.Passed(0, 1)
	p.Passed(1, 1)
	p.expect(t, 0, 0, "later") // it has two, subtask 1 none
	split, _ := p.Take(1, 0)
	if split.ID != "b" || string(split.Spec) != "spec" || string(split.Position) != "12" {
		t.Errorf("the restored split is %+v", split)
	}
	p.expect(t, 1, 0, "d")
}

// dealer plays the subtasks of a source against a pool: they take, finish and pass barriers in any order.
type dealer struct {
	rng     *rand.Rand
	pool    *testPool
	open    []map[string]bool // by subtask: the bounded splits that it reads
	given   map[string]int
	barrier []bool // by subtask: the barrier has yet to come
	frozen  []string
	id      uint64
	// hasty is the planted bug of a pool that does not wait for barriers.
	hasty bool
}

func (d *dealer) step() error {
	s := d.rng.IntN(len(d.open))
	switch d.rng.IntN(6) {
	case 0:
		clear(d.open[s])
	case 1:
		if d.barrier[s] {
			d.barrier[s] = false
			for id := range d.open[s] {
				d.frozen = append(d.frozen, id)
			}
			d.pool.Passed(s, d.id)
			return d.whole()
		}
	case 2:
		if !slices.Contains(d.barrier, true) {
			d.begin()
		}
	default:
		if d.hasty {
			clear(d.pool.pending)
		}
		if split, supply := d.pool.Take(s, len(d.open[s])); supply == operator.Given {
			d.open[s][split.ID] = true
			d.given[split.ID]++
		}
	}
	return nil
}

// begin freezes the pool: what it has left is of the checkpoint.
func (d *dealer) begin() {
	d.id++
	_, unassigned := d.pool.snapshot(d.id)
	d.frozen = nil
	for _, split := range unassigned {
		d.frozen = append(d.frozen, split.ID)
	}
	for s := range d.barrier {
		d.barrier[s] = true
	}
}

// whole says whether a checkpoint, if it is complete, holds a split twice.
func (d *dealer) whole() error {
	slices.Sort(d.frozen)
	if n := len(slices.Compact(slices.Clone(d.frozen))); n != len(d.frozen) {
		return fmt.Errorf("checkpoint %d holds a split twice: %q", d.id, d.frozen)
	}
	return nil
}

// deal plays until the splits are given out, and says what went wrong.
func deal(t *testing.T, seed uint64, hasty bool) error {
	const splits, subtasks = 40, 3
	var all []string
	for i := range splits {
		all = append(all, fmt.Sprint("split-", i))
	}
	d := &dealer{
		rng: rand.New(rand.NewPCG(seed, 0)), given: map[string]int{}, barrier: make([]bool, subtasks), hasty: hasty,
		pool: newTestPool(finds(files(all...)), subtasks).discovered(t),
	}
	for range subtasks {
		d.open = append(d.open, map[string]bool{})
	}
	for range 10_000 {
		if err := d.step(); err != nil {
			return err
		}
	}
	for _, id := range all {
		if d.given[id] != 1 {
			return fmt.Errorf("%s was given %d times", id, d.given[id])
		}
	}
	return nil
}

func TestEachSplitIsGivenOnceAndIsInACheckpointAtMostOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d on", seed)
	for i := range uint64(50) {
		if err := deal(t, seed+i, false); err != nil {
			t.Fatalf("seed %d: %v", seed+i, err)
		}
	}
}

func TestTheDealFindsAPoolThatDoesNotWaitForBarriers(t *testing.T) {
	for seed := range uint64(50) {
		if err := deal(t, seed, true); err != nil {
			return
		}
	}
	t.Error("no deal found it")
}
