package coordinator

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/state"
)

// counter is a function with a state of type V, a map, and timers if it is wrapped in timed.
type counter[V any] struct {
	states []string
	asMap  bool
}

func (c counter[V]) Open(scope *state.Scope) error {
	for _, name := range c.states {
		var err error
		if c.asMap {
			_, err = state.NewMap[string, V](scope, name)
		} else {
			_, err = state.NewValue[V](scope, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (counter[V]) Process(*flow.Context, *int64, flow.Collector[int64]) error { return nil }

type timed[V any] struct{ counter[V] }

func (timed[V]) OnTimer(*flow.Context, flow.Timer, flow.Collector[int64]) error { return nil }

// keyedBy is the state of an operator with the function and the keys K.
func keyedBy[K comparable](fn operator.ProcessFunc[int64, int64]) *operator.Planned {
	return operator.PlanProcess[K]("Count", func() operator.ProcessFunc[int64, int64] { return fn })
}

// program is a source, an operator and a sink, as planned and as a checkpoint describes them. A nil keyed
// makes an operator without state.
type program struct {
	count, countUID string
	keyed           *operator.Planned
	maxParallelism  int
	parallelism     int
}

// The program that the checkpoint was taken by, and that stories change.
func counting() program {
	return program{"Count", "count", keyedBy[int64](counter[int64]{states: []string{"n"}}), 128, 2}
}

func (p program) plan(t *testing.T) *plan.Physical {
	t.Helper()
	g := &plan.Graph{Name: "orders"}
	source := g.Add(&plan.Node{UID: "in", Name: "In", Source: &plan.Source{}})
	last := source
	if p.count != "" {
		last = g.Add(&plan.Node{
			UID: p.countUID, Name: p.count, Keyed: p.keyed,
			Inputs: []plan.Edge{{From: source, Exchange: operator.Hash}},
		})
	}
	g.Add(&plan.Node{UID: "out", Name: "Out", Sink: &plan.Sink{}, Inputs: []plan.Edge{{From: last}}})
	physical, err := plan.Compile(g, plan.Options{Parallelism: p.parallelism, MaxParallelism: p.maxParallelism})
	if err != nil {
		t.Fatal(err)
	}
	return physical
}

// taken is a checkpoint of the program.
func (p program) taken(t *testing.T) *checkpoint.Manifest {
	t.Helper()
	m := &checkpoint.Manifest{Job: "orders", Checkpoint: 7, MaxParallelism: p.maxParallelism}
	for _, n := range p.plan(t).Nodes() {
		op := checkpoint.Operator{UID: n.UID, Name: n.Name, Parallelism: n.Parallelism}
		op.Subtasks = make([]checkpoint.Subtask, n.Parallelism)
		if n.Keyed != nil {
			var err error
			if op.Key, op.States, err = n.Keyed.Describe(); err != nil {
				t.Fatal(err)
			}
		}
		if n.Source != nil {
			op.Known = []string{"split"}
		}
		m.Operators = append(m.Operators, op)
	}
	return m
}

func TestWhatAProgramMayChangeBetweenTwoRuns(t *testing.T) {
	type person struct{ Name string }
	type grown struct {
		Name string
		Age  int64
	}
	before := counting()
	ab, ba := counter[int64]{states: []string{"a", "b"}}, counter[int64]{states: []string{"b", "a"}}
	small, big := counter[person]{states: []string{"n"}}, counter[grown]{states: []string{"n"}}
	for name, c := range map[string]struct {
		before, now program
	}{
		"nothing":                 {before, counting()},
		"the parallelism":         {before, with(before, func(p *program) { p.parallelism = 5 })},
		"an operator's name":      {before, with(before, func(p *program) { p.count = "Tally" })},
		"a state is added":        {before, before.fn(counter[int64]{states: []string{"n", "more"}})},
		"timers are added":        {before, before.fn(timed[int64]{counter[int64]{states: []string{"n"}}})},
		"a field is added":        {before.fn(small), before.fn(big)},
		"the order of the states": {before.fn(ab), before.fn(ba)},
		"an operator without state is removed": {
			with(before, func(p *program) { p.keyed = nil }), with(before, func(p *program) { p.count = "" }),
		},
		"an operator is added": {with(before, func(p *program) { p.count = "" }), before},
	} {
		t.Run(name, func(t *testing.T) {
			if err := compatible(c.now.plan(t), c.before.taken(t), false); err != nil {
				t.Error(err)
			}
		})
	}
}

// with changes a copy of a program.
func with(p program, change func(*program)) program {
	change(&p)
	return p
}

func (p program) fn(fn operator.ProcessFunc[int64, int64]) program {
	p.keyed = keyedBy[int64](fn)
	return p
}

func TestWhatAProgramMayNotChangeBetweenTwoRuns(t *testing.T) {
	before := counting()
	byName := keyedBy[string](counter[int64]{states: []string{"n"}})
	for name, c := range map[string]struct {
		before, now program
		says        []string
	}{
		"the max parallelism": {
			before, with(before, func(p *program) { p.maxParallelism = 256 }),
			[]string{"128 key groups", "the program 256", "set the max parallelism to 128"},
		},
		"the type of a state": {
			before, before.fn(counter[string]{states: []string{"n"}}), []string{`operator "Count"`, `state "n"`},
		},
		"the kind of a state": {
			before, before.fn(counter[int64]{states: []string{"n"}, asMap: true}),
			[]string{`operator "Count"`, `state "n": it is a value in the checkpoint and a map in the program`},
		},
		"the name of a state": {
			before, before.fn(counter[int64]{states: []string{"count"}}),
			[]string{`operator "Count"`, `state "n"`, "that the program does not", "--allow-dropped-state"},
		},
		"timers are gone": {
			before.fn(timed[int64]{counter[int64]{states: []string{"n"}}}), before,
			[]string{`operator "Count"`, `state "timers/event"`, "that the program does not"},
		},
		"the type of the keys": {
			before, with(before, func(p *program) { p.keyed = byName }),
			[]string{`operator "Count"`, "the checkpoint's keys are", "the program's"},
		},
		"the operator is removed": {
			before, with(before, func(p *program) { p.count = "" }),
			[]string{`operator "Count"`, `uid "count"`, "is not in the program"},
		},
		"the uid is another": {
			before, with(before, func(p *program) { p.countUID = "tally" }),
			[]string{`operator "Count"`, `uid "count"`, "is not in the program"},
		},
		"the operator has no keyed state now": {
			before, with(before, func(p *program) { p.keyed = nil }),
			[]string{`operator "Count"`, `the checkpoint has a state "n" that the program does not`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := compatible(c.now.plan(t), c.before.taken(t), false)
			mustSay(t, err, base.Config, append(c.says, "cannot go on from checkpoint 7")...)
		})
	}
}

// mustSay checks an error's kind and the words that make it useful.
func mustSay(t *testing.T, err error, kind base.Kind, words ...string) {
	t.Helper()
	if err == nil || base.KindOf(err) != kind {
		t.Fatalf("error %v of kind %v, want one of kind %v", err, base.KindOf(err), kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func TestAllObjectionsToACheckpointAreToldAtOnce(t *testing.T) {
	m := counting().taken(t)
	now := counting().fn(counter[string]{states: []string{"n"}})
	now.maxParallelism = 64
	m.Operators = append(m.Operators, checkpoint.Operator{
		UID: "gone", Name: "Gone", States: []checkpoint.State{{Name: "x", Kind: "value"}},
	})
	mustSay(t, compatible(now.plan(t), m, false), base.Config, "max parallelism to 128", `state "n"`, `operator "Gone"`)
}

// What must be allowed is only the loss: a program that cannot read what it declares is refused all the same.
func TestStateIsDroppedOnlyWhenThatIsAllowed(t *testing.T) {
	ab := counting().fn(counter[int64]{states: []string{"a", "b"}})
	m := ab.taken(t)
	m.Operators = append(m.Operators, checkpoint.Operator{
		UID: "gone", Name: "Gone", States: []checkpoint.State{{Name: "x", Kind: "value"}},
	})
	now := counting().fn(counter[int64]{states: []string{"a"}}).plan(t)
	mustSay(t, compatible(now, m, false), base.Config, `operator "Gone"`, `state "b"`, "--allow-dropped-state")
	if err := compatible(now, m, true); err != nil {
		t.Error(err)
	}
	other := counting().fn(counter[string]{states: []string{"a"}}).plan(t)
	err := compatible(other, m, true)
	mustSay(t, err, base.Config, `state "a"`, "was written as int64")
	if strings.Contains(err.Error(), "Gone") || strings.Contains(err.Error(), `"b"`) {
		t.Errorf("%v", err)
	}
}

// The uid is there, but whatever has it now cannot take what the checkpoint holds.
func TestAnOperatorOfAnotherKindIsRefused(t *testing.T) {
	for uid, says := range map[string]string{
		"count": `operator "Count" is a source in it but not in the program`,
		"out":   `operator "Out" is a source in it but not in the program`,
	} {
		op := checkpoint.Operator{UID: uid, Name: "Was", Known: []string{"split"}}
		m := &checkpoint.Manifest{Checkpoint: 7, MaxParallelism: 128, Operators: []checkpoint.Operator{op}}
		now := with(counting(), func(p *program) { p.keyed = nil })
		mustSay(t, compatible(now.plan(t), m, false), base.Config, says)
	}
	for _, sub := range []checkpoint.Subtask{{Committables: [][]byte{{1}}}, {SinkState: []byte{1}}} {
		op := checkpoint.Operator{UID: "in", Name: "Was", Subtasks: []checkpoint.Subtask{sub}}
		m := &checkpoint.Manifest{Checkpoint: 7, MaxParallelism: 128, Operators: []checkpoint.Operator{op}}
		err := compatible(counting().plan(t), m, false)
		mustSay(t, err, base.Config, `operator "In" is a sink in it but not in the program`)
	}
}

// What an operator that is gone leaves behind decides whether it may go.
func TestAnOperatorThatLeavesSomethingBehindMayNotGo(t *testing.T) {
	for name, c := range map[string]struct {
		op   checkpoint.Operator
		says string
	}{
		"nothing":         {checkpoint.Operator{Subtasks: make([]checkpoint.Subtask, 2)}, ""},
		"a watermark":     {checkpoint.Operator{Subtasks: []checkpoint.Subtask{{Watermark: 9}}}, ""},
		"declared states": {checkpoint.Operator{States: []checkpoint.State{{Name: "n"}}}, "has state"},
		"splits":          {checkpoint.Operator{Known: []string{"a"}}, "has positions of a source"},
		"output of a sink that is not committed": {
			checkpoint.Operator{Subtasks: []checkpoint.Subtask{{}, {Committables: [][]byte{{1}}}}}, "has output of a sink",
		},
		"the state of a sink": {
			checkpoint.Operator{Subtasks: []checkpoint.Subtask{{SinkState: []byte{1}}}}, "has output of a sink",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.op.UID, c.op.Name = "gone", "Gone"
			m := counting().taken(t)
			m.Operators = append(m.Operators, c.op)
			err := compatible(counting().plan(t), m, false)
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			mustSay(t, err, base.Config, c.says, `operator "Gone" (uid "gone")`, "is not in the program")
		})
	}
}

func TestCommittablesAreThoseOfAllSubtasksOfTheSink(t *testing.T) {
	sub := func(committables ...string) (s checkpoint.Subtask) {
		for _, c := range committables {
			s.Committables = append(s.Committables, []byte(c))
		}
		return s
	}
	m := &checkpoint.Manifest{Operators: []checkpoint.Operator{
		{UID: "a", Subtasks: []checkpoint.Subtask{sub("1", "2"), sub(), sub("3")}},
		{UID: "b", Subtasks: []checkpoint.Subtask{sub("4")}},
	}}
	for uid, want := range map[string]string{"a": "1 2 3", "b": "4", "c": ""} {
		var got []string
		for _, c := range committables(m, uid) {
			got = append(got, string(c))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", uid, got, want)
		}
	}
	if got := committables(nil, "a"); got != nil {
		t.Errorf("%v without a checkpoint", got)
	}
}
