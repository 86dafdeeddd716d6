package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// If some sources had emitted a barrier and others not, barriers of different checkpoints would meet later.
func TestACheckpointIsBegunByAllSourcesOrNone(t *testing.T) {
	a := attemptOf(t, sumJob())
	stuck := 0
	for a.tasks[1].Trigger(channel.Barrier{}) {
		stuck++
	}
	err := a.Trigger(channel.Barrier{Checkpoint: 99})
	if err == nil || !strings.Contains(err.Error(), `checkpoint 99: task "the from (2/2)" has not taken part`) {
		t.Fatalf("error %v", err)
	}
	room := 0
	for a.tasks[0].Trigger(channel.Barrier{}) {
		room++
	}
	if room != stuck {
		t.Errorf("a source was asked for a barrier that the other one will not emit")
	}
	if split, supply := a.pools[0].Take(0, 0); supply != operator.Given {
		t.Errorf("the pool holds back splits for a checkpoint that was not begun: %v, %v", split, supply)
	}
	if len(a.parts) != 0 {
		t.Errorf("parts are left over: %v", a.parts)
	}
}

// runAttempt runs the tasks until they end.
func runAttempt(a *Attempt) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- a.Run() }()
	return ended
}

func TestAFinishedJobEndsWithoutError(t *testing.T) {
	a := attemptOf(t, sumJob())
	ended := runAttempt(a)
	trigger(t, a, 1)
	a.Listener.(*heard).expectAll(t, "1 acknowledged by 0", "1 acknowledged by 1", "1 acknowledged by 2",
		"1 acknowledged by 3")
	if got := operators(t, a, 1); len(got) != 3 {
		t.Errorf("%d operators", len(got))
	}
	a.Finish()
	if err := <-ended; err != nil {
		t.Errorf("error %v", err)
	}
}

func TestAStreamThatMeetsItselfIsReadTwice(t *testing.T) {
	g := &plan.Graph{}
	from := node(g, "from")
	node(g, "to", plan.Edge{From: from}, plan.Edge{From: from}).Sink = &plan.Sink{}
	a := attemptOf(t, g)
	ended := runAttempt(a)
	trigger(t, a, 1)
	a.Listener.(*heard).expectAll(t, "1 acknowledged by 0", "1 acknowledged by 1", "1 acknowledged by 2",
		"1 acknowledged by 3")
	a.Finish()
	if err := <-ended; err != nil {
		t.Errorf("error %v", err)
	}
}

// closing is an operator that counts its closes, and may fail to open.
type closing struct {
	still
	open   error
	closes *atomic.Int64
}

func (c *closing) Open() error { return c.open }
func (c *closing) Close() error {
	c.closes.Add(1)
	return nil
}

func TestTheFirstFailureEndsAllTasks(t *testing.T) {
	g, broken := sumJob(), errors.New("broken")
	var closes atomic.Int64
	for _, n := range g.Nodes[1:] {
		n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
			c := &closing{still: still{operator.As[int](out[0])}, closes: &closes}
			if n.Name == "the to" && env.Subtask == 1 {
				c.open = broken
			}
			return c, nil
		}
	}
	if err := attemptOf(t, g).Run(); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if n := closes.Load(); n != 4 {
		t.Errorf("%d operators were closed, want 4", n)
	}
}

func TestAnAttemptEndsWithTheCauseOfItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	a, err := New(ctx, configOf(t, sumJob(), mem.New()))
	if err != nil {
		t.Fatal(err)
	}
	over := errors.New("over")
	ended := runAttempt(a)
	cancel(over)
	if err := <-ended; !errors.Is(err, over) {
		t.Errorf("error %v", err)
	}
}

func TestADiscoveryThatFailsEndsTheTasks(t *testing.T) {
	g, broken, calls := sumJob(), errors.New("gone"), 0
	g.Nodes[0].Source = &plan.Source{Discover: func(context.Context, flow.Known) (flow.Discovery, error) {
		if calls++; calls == 2 {
			return flow.Discovery{}, broken
		}
		return flow.Discovery{Again: 1}, nil
	}}
	if err := attemptOf(t, g).Run(); !errors.Is(err, broken) || err.Error() != `source "the from": gone` {
		t.Errorf("error %v", err)
	}
}

func TestAJobWithAnOperatorThatCannotBeMadeDoesNotBegin(t *testing.T) {
	g, broken := sumJob(), errors.New("broken")
	g.Nodes[2].Make = func(*operator.Env, []any) (operator.Operator, error) { return nil, broken }
	if a, err := New(t.Context(), configOf(t, g, mem.New())); a != nil || !errors.Is(err, broken) {
		t.Errorf("attempt %v, error %v", a, err)
	}
}

func TestTheEndOfTheSourcesIsToldWhenTheLastHasEnded(t *testing.T) {
	a := attemptOf(t, sumJob())
	a.SourceEnded(1)
	if h := a.Listener.(*heard); len(h.events) != 0 {
		t.Errorf("heard %q while a source is still read", <-h.events)
	}
	a.SourceEnded(0)
	a.Listener.(*heard).expect(t, "sources ended")
}

// sumCheckpoint is one of sumJob, written by a single subtask that had split a open.
func sumCheckpoint(t *testing.T) *checkpoint.Manifest {
	whole := checkpoint.Subtask{Range: base.KeyGroupRange{End: 8}}
	from, sum := whole, whole
	from.Splits = []checkpoint.Split{{ID: "a", Bounded: true, Position: []byte("7")}}
	sum.Tables, sum.Meta, sum.Namespaces = []checkpoint.Table{{Name: "shards/t1", Bytes: 9}}, emptyMeta(t), []int64{7}
	return &checkpoint.Manifest{Operators: []checkpoint.Operator{
		{
			UID: "from", Parallelism: 1, Subtasks: []checkpoint.Subtask{from}, Known: []string{"a", "b"},
			Unassigned: []checkpoint.Split{{ID: "b", Bounded: true, Position: []byte("3")}},
		},
		{UID: "sum", Parallelism: 1, Subtasks: []checkpoint.Subtask{sum}, Key: "string"},
	}}
}

// restoredSum is an attempt that goes on from sumCheckpoint, with what each subtask found there.
func restoredSum(t *testing.T) (*Attempt, map[string]string) {
	g, found := sumJob(), map[string]string{}
	for _, n := range g.Nodes {
		inner := n.Make
		n.Make = func(env *operator.Env, out []any) (operator.Operator, error) {
			text := "nothing"
			if r := env.Restored; r != nil {
				text = fmt.Sprintf("%d splits, %d shards, namespaces %v, key %q",
					len(r.Splits), len(r.Shards), r.Namespaces, r.Key)
			}
			found[fmt.Sprint(env.UID, env.Subtask)] = fmt.Sprintf("%v: %s", env.Groups, text)
			return inner(env, out)
		}
	}
	c := configOf(t, g, mem.New())
	c.Restore = sumCheckpoint(t)
	return opened(t, c), found
}

func TestARestoredAttemptDealsTheCheckpointOutToItsSubtasks(t *testing.T) {
	_, found := restoredSum(t)
	for id, want := range map[string]string{
		"from0": `[0,4): 1 splits, 0 shards, namespaces [], key ""`,
		"from1": `[4,8): 0 splits, 0 shards, namespaces [], key ""`,
		"sum0":  `[0,4): 0 splits, 1 shards, namespaces [7], key "string"`,
		"sum1":  `[4,8): 0 splits, 1 shards, namespaces [7], key "string"`,
		"to0":   "[0,4): nothing", "to1": "[4,8): nothing",
	} {
		if found[id] != want {
			t.Errorf("%s found %q, want %q", id, found[id], want)
		}
	}
}

func TestARestoredAttemptGivesOutWhatNobodyReadYet(t *testing.T) {
	a, _ := restoredSum(t)
	if err := a.Discover(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"b at 3", "c at "} {
		split, _ := a.pools[0].Take(1, 0)
		if s := fmt.Sprintf("%s at %s", split.ID, split.Position); s != want {
			t.Errorf("given %q, want %q", s, want)
		}
	}
}

func TestNamesOfObjectsAreOfTheIncarnationAndDiffer(t *testing.T) {
	a := &Attempt{Config: Config{Incarnation: checkpoint.Incarnation(3, 1)}}
	seen := map[string]bool{}
	for i := range 1000 {
		name := a.name([]string{"table", "shard"}[i%2])
		if !strings.HasPrefix(name, checkpoint.TablePrefix) || !strings.Contains(name, "/3-1-") || seen[name] {
			t.Fatalf("name %q", name)
		}
		if !checkpoint.Spared(name, 3, 1) || checkpoint.Spared(name, 3, 2) {
			t.Fatalf("a collector does not know whose %q is", name)
		}
		seen[name] = true
	}
}
