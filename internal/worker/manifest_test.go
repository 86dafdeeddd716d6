package worker

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// still is an operator over numbers that does nothing but hand on what it gets.
type still struct{ next operator.Receiver[int] }

func (*still) Open() error                                { return nil }
func (*still) Close() error                               { return nil }
func (*still) Snapshot(uint64) (operator.Snapshot, error) { return operator.Snapshot{}, nil }
func (s *still) Batch(b *flow.Batch[int]) error           { return s.next.Batch(b) }
func (s *still) Watermark(t int64) error                  { return s.next.Watermark(t) }
func (s *still) Idle(idle bool) error                     { return s.next.Idle(idle) }

// quiet is a source that has nothing to read.
type quiet struct{ still }

func (*quiet) Step() (flow.Status, error) { return flow.Wait, nil }
func (*quiet) Ready() []<-chan struct{}   { return nil }
func (*quiet) Stop()                      {}

// node adds an operator over numbers, or a source if it has no inputs.
func node(g *plan.Graph, name string, inputs ...plan.Edge) *plan.Node {
	numbers := operator.RowTypeOf[int]()
	n := &plan.Node{
		UID: name, Name: "the " + name, Inputs: inputs, Outputs: []operator.RowType{numbers},
	}
	if len(inputs) == 0 {
		n.Source = finds(files("a", "b", "c"))
	}
	n.Make = func(_ *operator.Env, out []any) (operator.Operator, error) {
		s := still{operator.As[int](out[0])}
		if n.Source != nil {
			return &quiet{s}, nil
		}
		return &s, nil
	}
	return g.Add(n)
}

// sumJob is from ═hash═► sum ─► to, with two subtasks each: tasks 0 and 1, then 2 and 3.
func sumJob() *plan.Graph {
	g := &plan.Graph{}
	from := node(g, "from")
	sum := node(g, "sum", plan.Edge{
		From: from, Exchange: operator.Hash, Hasher: func(*flow.Batch[int]) {},
	})
	sum.Keyed = &operator.Planned{Describe: func() (string, []checkpoint.State, error) {
		return "string", []checkpoint.State{{Name: "total", Kind: "value"}}, nil
	}, Expiring: func() ([]uint32, time.Duration, error) { return nil, 0, nil }}
	node(g, "to", plan.Edge{From: sum}).Sink = &plan.Sink{}
	return g
}

func trigger(t *testing.T, a *Attempt, id uint64) {
	t.Helper()
	if err := a.Trigger(channel.Barrier{Checkpoint: id}); err != nil {
		t.Fatal(err)
	}
}

// prepares is the part of a sink that leaves something to commit.
func prepares(committable string) task.Part {
	return task.Part{UID: "to", Snapshot: operator.Snapshot{
		Prepared: flow.Prepared{Committable: []byte(committable), State: []byte("state of " + committable)},
	}}
}

func operators(t *testing.T, a *Attempt, id uint64) []checkpoint.Operator {
	t.Helper()
	ops, err := a.Operators(id)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// shown is a checkpoint without the names and the checksums of tables.
func shown(ops []checkpoint.Operator) string {
	var all []string
	for _, op := range ops {
		all = append(all, fmt.Sprintf("%s %q x%d key %s states %v", op.UID, op.Name, op.Parallelism, op.Key, op.States))
		all = append(all, fmt.Sprintf(" knows %v, unassigned %+v", op.Known, op.Unassigned))
		for _, s := range op.Subtasks {
			all = append(all, fmt.Sprintf(" %v at %d, ahead %v, %d tables, a list %v, namespaces %v, splits %+v, %q, %q",
				s.Range, s.Watermark, s.Ahead, len(s.Tables), s.Meta != nil, s.Namespaces, s.Splits,
				s.Committables, s.SinkState))
		}
	}
	return strings.Join(all, "\n")
}

const wholeJob = `from "the from" x2 key  states []
 knows [a b c], unassigned [{ID:b Bounded:true Spec:[] Position:[]} {ID:c Bounded:true Spec:[] Position:[]}]
 [0,4) at 0, ahead [], 0 tables, a list false, namespaces [], splits [], [], ""
 [4,8) at 50, ahead [], 0 tables, a list false, namespaces [], splits [{ID:a Bounded:true Spec:[] Position:[55]}], [], ""
sum "the sum" x2 key string states [{total value  []}]
 knows [], unassigned []
 [0,4) at 0, ahead [], 0 tables, a list true, namespaces [], splits [], [], ""
 [4,8) at 30, ahead [{[0,0) 40}], 1 tables, a list true, namespaces [-5 0 5], splits [], [], ""
to "the to" x2 key  states []
 knows [], unassigned []
 [0,4) at 0, ahead [], 0 tables, a list false, namespaces [], splits [], [], ""
 [4,8) at 0, ahead [], 0 tables, a list false, namespaces [], splits [], ["rows"], "state of rows"`

func TestACheckpointHoldsTheWholeJobInTheOrderOfTheProgram(t *testing.T) {
	a := persisting(t, attemptOf(t, sumJob()))
	if split, _ := a.pools[0].Take(1, 0); split.ID != "a" {
		t.Fatalf("the first split is %q", split.ID)
	}
	trigger(t, a, 1)
	sum := a.part(3, "k", "v")
	sum.Watermark, sum.Ahead = 30, []checkpoint.RangeWatermark{{Watermark: 40}}
	sum.Namespaces = []int64{-5, 0, 5}
	a.passed(t, 3, 1, sum, prepares("rows"))
	reads := operator.Snapshot{
		Watermark: 50, Splits: []flow.Split{{ID: "a", Bounded: true, Position: []byte("7")}},
	}
	a.passed(t, 1, 1, task.Part{UID: "from", Snapshot: reads})
	a.passed(t, 0, 1, task.Part{UID: "from"})
	a.passed(t, 2, 1, a.part(2), task.Part{UID: "to"}) // which has no state

	if got := shown(operators(t, a, 1)); got != wholeJob {
		t.Errorf("the checkpoint is\n%s\nwant\n%s", got, wholeJob)
	}
}

// some begins a checkpoint and lets the given tasks pass it.
func (a *Attempt) some(t *testing.T, checkpoint uint64, tasks ...int) {
	t.Helper()
	trigger(t, a, checkpoint)
	for _, id := range tasks {
		a.passed(t, id, checkpoint)
	}
}

func TestACheckpointWithoutAllTasksIsRefused(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, a *Attempt){
		"a task is missing": func(t *testing.T, a *Attempt) {
			a.some(t, 7, 0, 1, 3)
		},
		"a task has come twice and one not at all": func(t *testing.T, a *Attempt) {
			a.some(t, 7, 0, 1, 1, 2)
		},
		"it was dropped": func(t *testing.T, a *Attempt) {
			trigger(t, a, 7)
			a.Drop(7)
			for id := range 4 {
				a.passed(t, id, 7)
			}
		},
		"it was never begun": func(*testing.T, *Attempt) {},
		"it was asked for before": func(t *testing.T, a *Attempt) {
			a.some(t, 7, 0, 1, 2, 3)
			operators(t, a, 7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := attemptOf(t, sumJob())
			use(t, a)
			ops, err := a.Operators(7)
			if ops != nil || err == nil || err.Error() != "checkpoint 7: not all tasks have taken part" {
				t.Errorf("operators %v, error %v", ops, err)
			}
			if len(a.parts) != 0 {
				t.Errorf("parts are left over: %v", a.parts)
			}
		})
	}
}

func TestAnOperatorThatCannotBeDescribedFailsTheCheckpoint(t *testing.T) {
	g := sumJob()
	describe, fails := g.Nodes[1].Keyed.Describe, false
	g.Nodes[1].Keyed.Describe = func() (string, []checkpoint.State, error) {
		if fails {
			return "", nil, errors.New("no such schema")
		}
		return describe()
	}
	a := attemptOf(t, g)
	fails = true
	a.some(t, 1, 0, 1, 2, 3)
	if _, err := a.Operators(1); err == nil || err.Error() != "no such schema" {
		t.Errorf("error %v", err)
	}
}

// committables renders what each subtask of the sink has to commit in a checkpoint.
func committables(t *testing.T, a *Attempt, id uint64) string {
	var out []string
	for _, s := range operators(t, a, id)[2].Subtasks {
		var all []string
		for _, c := range s.Committables {
			all = append(all, string(c))
		}
		out = append(out, strings.Join(all, "+"))
	}
	return strings.Join(out, ", ")
}

// all lets every task pass a checkpoint, in which the sinks prepare what is given.
func (a *Attempt) all(t *testing.T, id uint64, left, right string) {
	t.Helper()
	a.passed(t, 0, id)
	a.passed(t, 1, id)
	a.passed(t, 2, id, prepares(left))
	a.passed(t, 3, id, prepares(right))
}

func TestWhatWasPreparedForAnAbandonedCheckpointIsInTheNext(t *testing.T) {
	a := attemptOf(t, sumJob())
	trigger(t, a, 1)
	a.passed(t, 3, 1, prepares("r1")) // task 2 has not come to the barrier when the checkpoint is dropped
	a.Drop(1)
	a.passed(t, 2, 1, prepares("l1"))
	trigger(t, a, 2)
	a.all(t, 2, "l2", "r2")
	if got, want := committables(t, a, 2), "l1+l2, r1+r2"; got != want {
		t.Errorf("committables %q, want %q", got, want)
	}
	trigger(t, a, 3)
	a.all(t, 3, "l3", "r3")
	if got, want := committables(t, a, 3), "l1+l2+l3, r1+r2+r3"; got != want {
		t.Errorf("2 was not committed: committables %q, want %q", got, want)
	}
	a.Committed(3)
	trigger(t, a, 4)
	a.all(t, 4, "l4", "r4")
	if got, want := committables(t, a, 4), "l4, r4"; got != want {
		t.Errorf("3 was committed: committables %q, want %q", got, want)
	}
}

func TestWhatIsCommittedIsNotInTheNextCheckpoint(t *testing.T) {
	a := attemptOf(t, sumJob())
	trigger(t, a, 1)
	a.all(t, 1, "l1", "r1")
	trigger(t, a, 2)
	a.passed(t, 2, 2, prepares("l2")) // comes before checkpoint 1 is committed
	if got, want := committables(t, a, 1), "l1, r1"; got != want {
		t.Errorf("1: committables %q, want %q", got, want)
	}
	a.Committed(1)
	a.passed(t, 3, 2, prepares("r2"))
	a.passed(t, 0, 2)
	a.passed(t, 1, 2)
	if got, want := committables(t, a, 2), "l2, r2"; got != want {
		t.Errorf("2: committables %q, want %q", got, want)
	}
}
