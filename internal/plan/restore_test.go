package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/state"
)

// declares is a function that declares states and does nothing.
type declares func(s *state.Scope) error

func (d declares) Open(s *state.Scope) error                                    { return d(s) }
func (declares) Process(*flow.Context, *int64, flow.Collector[int64]) error     { return nil }
func (declares) OnTimer(*flow.Context, flow.Timer, flow.Collector[int64]) error { return nil }
func value[V any](name string) declares {
	return func(s *state.Scope) error { _, err := state.NewValue[V](s, name); return err }
}

func entries[K comparable, V any](name string) declares {
	return func(s *state.Scope) error { _, err := state.NewMap[K, V](s, name); return err }
}

func all(parts ...declares) declares {
	return func(s *state.Scope) error {
		for _, p := range parts {
			if err := p(s); err != nil {
				return err
			}
		}
		return nil
	}
}

// counts is a program of a source, an operator with states by keys K, and a sink.
func counts[K comparable](uid string, d declares) *Graph {
	g := &Graph{Name: "job"}
	in := g.Add(&Node{UID: "in", Name: "In", Source: &Source{}})
	op := g.Add(&Node{UID: uid, Name: "Count", Inputs: []Edge{stateful(in)}})
	op.Keyed = operator.PlanProcess[K]("Count", func() operator.ProcessFunc[int64, int64] { return d })
	g.Add(&Node{UID: "out", Name: "Out", Sink: &Sink{}, Inputs: []Edge{forward(op)}})
	return g
}

func compiled(t *testing.T, g *Graph) *Physical {
	t.Helper()
	p, err := Compile(g, Options{Parallelism: 2, MaxParallelism: 8})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// takenBy is checkpoint 3 of a program, whose operators have tables of 10 and 20 bytes, one of them twice.
func takenBy(t *testing.T, g *Graph) *checkpoint.Manifest {
	t.Helper()
	m := &checkpoint.Manifest{Checkpoint: 3, Created: 99, MaxParallelism: 8}
	for _, n := range compiled(t, g).Nodes() {
		op := checkpoint.Operator{UID: n.UID, Name: n.Name}
		if n.Keyed != nil {
			var err error
			if op.Key, op.States, err = n.Keyed.Describe(); err != nil {
				t.Fatal(err)
			}
			one, two := checkpoint.Table{Name: "1", Bytes: 10}, checkpoint.Table{Name: "2", Bytes: 20}
			op.Subtasks = []checkpoint.Subtask{{Tables: []checkpoint.Table{one}}, {Tables: []checkpoint.Table{one, two}}}
		}
		if n.Source != nil {
			op.Known = []string{"split"}
		}
		m.Operators = append(m.Operators, op)
	}
	return m
}

// told is a restore in lines: operator or state, and what becomes of it.
func told(r *Restore) (lines []string) {
	for _, op := range r.Operators {
		lines = append(lines, fmt.Sprint(op.UID, " ", op.Outcome, " ", op.Why))
		for _, s := range op.States {
			if !strings.HasPrefix(s.Name, "timers/") {
				how := strings.Join(s.Changes, ", ") + s.Why
				lines = append(lines, fmt.Sprint("  ", s.Name, " ", s.Outcome, " ", how))
			}
		}
	}
	return lines
}

type (
	small struct{ A int64 }
	big   struct {
		B string
		A int64
	}
	other struct{ A string }
)

func TestARestoreIsToldBeforeItHappens(t *testing.T) {
	before := counts[int64]("count", all(value[small]("v"), entries[string, small]("m")))
	for name, c := range map[string]struct {
		now   *Graph
		loses bool
		want  []string
	}{
		"the same program": {before, false, []string{"count keep ", "  v keep ", "  m keep "}},
		"a field more": {
			counts[int64]("count", all(value[big]("v"), entries[string, big]("m"))), false,
			[]string{"count keep ", "  v migrate field B added", "  m migrate field B added"},
		},
		"a state more": {
			counts[int64]("count", all(value[small]("v"), value[bool]("w"), entries[string, small]("m"))), false,
			[]string{"count keep ", "  v keep ", "  w new ", "  m keep "},
		},
		"a state less": {
			counts[int64]("count", value[small]("v")), true, []string{"count keep ", "  v keep ", "  m drop "},
		},
		"another type": {
			counts[int64]("count", all(value[other]("v"), entries[string, small]("m"))), true, []string{
				"count keep ", "  v refuse value type plan.other: field A was written as int64 and is string now: " +
					"keep the old type, or add a field with another name for the new one", "  m keep ",
			},
		},
		"another kind": {
			counts[int64]("count", all(entries[string, small]("v"), entries[string, small]("m"))), true, []string{
				"count keep ", "  v refuse it is a value in the checkpoint and a map in the program: " +
					"give the new one another name", "  m keep ",
			},
		},
		"other keys of a map": {
			counts[int64]("count", all(value[small]("v"), entries[int64, small]("m"))), true, []string{
				"count keep ", "  v keep ", `  m refuse its keys are {"kind":"string"} in the checkpoint and ` +
					`{"kind":"int64"} in the program`,
			},
		},
		"other keys": {counts[string]("count", value[small]("v")), true, []string{
			`count refuse cannot read its keys: the checkpoint's keys are {"kind":"int64"}, ` +
				`the program's {"kind":"string"}: give it another uid to begin without state`,
		}},
		"another uid": {counts[string]("tally", value[small]("v")), true, []string{
			"tally new ", "  v new ", "count drop has state in it but is not in the program", "  v drop ", "  m drop ",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Restoring(compiled(t, c.now), takenBy(t, before))
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(told(r), func(l string) bool {
				return strings.HasPrefix(l, "in ") || strings.HasPrefix(l, "out ")
			})
			if !slices.Equal(got, c.want) || r.Loses() != c.loses || (r.Err(false) != nil) != c.loses {
				t.Errorf("loses %v, told\n%s\nwant\n%s", r.Loses(), strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestARestoreSaysHowLargeTheTablesOfAnOperatorAre(t *testing.T) {
	g := counts[int64]("count", value[small]("v"))
	r, err := Restoring(compiled(t, g), takenBy(t, g))
	if err != nil || r.Checkpoint != 3 || r.Taken != 99 || r.Operators[1].Bytes != 30 || r.Operators[0].Bytes != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWithoutACheckpointAllIsNew(t *testing.T) {
	r, err := Restoring(compiled(t, counts[int64]("count", value[small]("v"))), nil)
	if err != nil || r.Loses() || r.Err(false) != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := told(r); !slices.Equal(got, []string{"in new ", "count new ", "  v new ", "out new "}) {
		t.Errorf("%q", got)
	}
}

// An operator that had no keys in the checkpoint may have some now.
func TestAnOperatorMayGetKeyedState(t *testing.T) {
	g := counts[int64]("count", value[small]("v"))
	m := takenBy(t, g)
	m.Operators[1].Key, m.Operators[1].States = "", nil
	r, err := Restoring(compiled(t, g), m)
	if err != nil || r.Loses() || told(r)[1] != "count keep " || told(r)[2] != "  v new " {
		t.Errorf("%q, %v", told(r), err)
	}
}

func TestAFunctionThatCannotBeOpenedHasNoPlan(t *testing.T) {
	broken := errors.New("broken")
	g := counts[int64]("count", func(*state.Scope) error { return broken })
	if _, err := Compile(g, twoOf); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestADamagedSchemaIsRefused(t *testing.T) {
	g := counts[int64]("count", value[small]("v"))
	m := takenBy(t, g)
	m.Operators[1].States[0].Schema = "what is this"
	r, err := Restoring(compiled(t, g), m)
	if err != nil || r.Operators[1].States[0].Outcome != Refuse || base.KindOf(r.Err(true)) != base.Config {
		t.Errorf("%+v, %v", r, err)
	}
}

// lagging is a program whose operator takes rows of a type from an operator with a uid.
func lagging[T any](from, uid string) *Graph {
	g := &Graph{Name: "job"}
	in := g.Add(&Node{UID: from, Name: "In", Source: &Source{}, Outputs: []operator.RowType{operator.RowTypeOf[T]()}})
	g.Add(&Node{UID: uid, Name: "Out", Sink: &Sink{}, Inputs: []Edge{forward(in)}})
	return g
}

// What is on its way to an operator is as much part of a checkpoint as its state.
func TestRowsOnTheirWayAreKeptOrSaidToBeLost(t *testing.T) {
	codec, err := operator.RowTypeOf[int64]().Codec()
	if err != nil {
		t.Fatal(err)
	}
	m := &checkpoint.Manifest{Checkpoint: 7, MaxParallelism: 8, Operators: []checkpoint.Operator{
		{UID: "in", Name: "In"},
		{UID: "out", Name: "Out", Subtasks: []checkpoint.Subtask{
			{}, {Flight: &checkpoint.Flight{Inputs: []checkpoint.FlightInput{{Output: "in/0", Schema: codec.Schema}}}},
		}},
	}}
	for name, c := range map[string]struct {
		g             *Graph
		want, allowed string // parts of the errors, without and with allowance for what is dropped
	}{
		"the same program":  {lagging[int64]("in", "out"), "", ""},
		"without it":        {lagging[int64]("in", "other"), `(uid "out") has rows on their way to it in it`, ""},
		"of another one":    {lagging[int64]("other", "out"), `takes none of "in/0" any more`, `takes none of "in/0" any more`},
		"of another type":   {lagging[string]("in", "out"), "cannot take the rows", "go on from a savepoint"},
		"that has no codec": {lagging[func()]("in", "out"), "cannot take the rows", "go on from a savepoint"},
	} {
		r, err := Restoring(compiled(t, c.g), m)
		if err != nil {
			t.Fatal(err)
		}
		for allow, want := range map[bool]string{false: c.want, true: c.allowed} {
			err := r.Err(allow)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, allowed %v: %v, want %q", name, allow, err, want)
			}
		}
	}
}
