package aquifer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// holding keeps a text for each key in states with these names, and a map beside each. A negative number tells all that
// the key has.
type holding struct {
	names  []string
	values map[string]state.Value[string]
	maps   map[string]state.Map[string, int64]
}

func (h *holding) Open(s *state.Scope) (err error) {
	h.values, h.maps = map[string]state.Value[string]{}, map[string]state.Map[string, int64]{}
	for _, name := range h.names {
		if h.values[name], err = state.NewValue[string](s, name); err != nil {
			return err
		}
		if h.maps[name], err = state.NewMap[string, int64](s, name+"/map"); err != nil {
			return err
		}
	}
	return nil
}

func (h *holding) Process(ctx *Context, in *int64, out Collector[string]) error {
	row := fmt.Sprint(-*in, ":")
	for _, name := range slices.Sorted(maps.Keys(h.values)) {
		if *in > 0 {
			if err := h.values[name].Set(ctx, fmt.Sprint(name, *in)); err != nil {
				return err
			}
			if err := h.maps[name].Set(ctx, "entry", *in); err != nil {
				return err
			}
			continue
		}
		text, _, err := h.values[name].Get(ctx)
		if err != nil {
			return err
		}
		n, _, err := h.maps[name].Get(ctx, "entry")
		if err != nil {
			return err
		}
		row += fmt.Sprintf(" %s=%q,%d", name, text, n)
	}
	if *in < 0 {
		out.Emit(row)
	}
	return nil
}

// holder is a program with an operator that has these states.
func holder(uid string, names ...string) func(KeyedStream[int64, int64]) Stream[string] {
	return func(numbers KeyedStream[int64, int64]) Stream[string] {
		return Process(numbers, uid, func() ProcessFunc[int64, string] { return &holding{names: names} })
	}
}

var dropping = RunOptions{AllowDroppedState: true}

func TestAStateThatIsDroppedIsNotThereWhenItsNameIsUsedAgain(t *testing.T) {
	store, sink := mem.New(), newCollected[string]()
	rounds := [][]int64{{1, 2, 3}, {-1, 4}, {-1, -2, -4}}
	both, one := holder("values", "a", "b"), holder("values", "a")
	must := func(o RunOptions, round int, program func(KeyedStream[int64, int64]) Stream[string], want ...string) {
		t.Helper()
		rows, err := runRound(t, store, sink, o, round, rounds, program)
		if err != nil || !slices.Equal(rows, want) {
			t.Fatalf("rows %q, error %v, want %q", rows, err, want)
		}
	}
	must(RunOptions{}, 0, both)
	must(dropping, 1, one, `1: a="a1",1`)
	must(RunOptions{}, 2, both, `1: a="a1",1 b="",0`, `2: a="a2",2 b="",0`, `4: a="a4",4 b="",0`)
}

func TestStateThatWouldBeLostIsRefusedByNameAndNothingIsTouched(t *testing.T) {
	store, sink := mem.New(), newCollected[string]()
	rounds := [][]int64{{1, 2, 3}, {-1}}
	if _, err := runRound(t, store, sink, RunOptions{}, 0, rounds, holder("values", "a", "b")); err != nil {
		t.Fatal(err)
	}
	before := names(t, store)
	for says, program := range map[string]func(KeyedStream[int64, int64]) Stream[string]{
		`operator "values": the checkpoint has a state "b"`: holder("values", "a"),
		`operator "values" (uid "values") has state in it`:  holder("others", "a", "b"),
	} {
		_, err := runRound(t, store, sink, RunOptions{}, 1, rounds, program)
		wantError(t, err, says, "--allow-dropped-state")
		if base.KindOf(err) != base.Config || !slices.Equal(names(t, store), before) {
			t.Errorf("%v, with objects %q", err, names(t, store))
		}
	}
	rows, err := runRound(t, store, sink, RunOptions{}, 1, rounds, holder("values", "b", "a"))
	if err != nil || !slices.Equal(rows, []string{`1: a="a1",1 b="b1",1`}) {
		t.Errorf("rows %q, error %v", rows, err)
	}
}

// names are those of all objects.
func names(t *testing.T, objects *mem.Store) (all []string) {
	t.Helper()
	for o, err := range objects.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Name)
	}
	return all
}

func TestTheObjectsOfAnOperatorThatIsDroppedAreCollected(t *testing.T) {
	objects, sink := mem.New(), newCollected[string]()
	rounds := [][]int64{{1, 2, 3}, {4}, {5}}
	one := RunOptions{Retain: 1, AllowDroppedState: true}
	if _, err := runRound(t, objects, sink, one, 0, rounds, holder("values", "a")); err != nil {
		t.Fatal(err)
	}
	was := tables(names(t, objects))
	for round := 1; round < 3; round++ {
		if _, err := runRound(t, objects, sink, one, round, rounds, holder("others", "a")); err != nil {
			t.Fatal(err)
		}
	}
	left := tables(names(t, objects))
	still := func(n string) bool { return slices.Contains(left, n) }
	if len(was) == 0 || len(left) == 0 || slices.ContainsFunc(was, still) {
		t.Errorf("objects %q before, %q after", was, left)
	}
	m := latest(t, objects)
	if slices.ContainsFunc(m.Operators, func(o checkpoint.Operator) bool { return o.UID == "values" }) {
		t.Errorf("the manifest has %+v", m.Operators)
	}
}

// tables are those names that are of tables.
func tables(names []string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, checkpoint.TablePrefix) })
}

func latest(t *testing.T, objects *mem.Store) *checkpoint.Manifest {
	t.Helper()
	s, err := store.Inspect(t.Context(), objects)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAPlanOfARestoreTouchesNothing(t *testing.T) {
	objects, sink := mem.New(), newCollected[string]()
	if _, err := runRound(t, objects, sink, RunOptions{}, 0, [][]int64{{1, 2}}, holder("values", "a")); err != nil {
		t.Fatal(err)
	}
	release, err := objects.Lock(t.Context()) // as a job that runs would have
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = release() }()
	before := names(t, objects)
	for name, c := range map[string]struct {
		uid    string
		states []string
		says   []string
		loses  bool
	}{
		"the same":        {"values", []string{"a"}, []string{"values a keep"}, false},
		"a state more":    {"values", []string{"a", "b"}, []string{"values b new"}, false},
		"another uid":     {"others", []string{"a"}, []string{"others a new", "values a drop"}, true},
		"another, states": {"values", []string{"b"}, []string{"values a drop", "values b new"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			job := NewJob("evolving")
			abs := func(n *int64) int64 { return max(*n, -*n) }
			To(holder(c.uid, c.states...)(KeyBy(From(job, "numbers", oneSplit(each[int64]()...)), abs)), "out", sink)
			var out strings.Builder
			err := job.PrintRestore(t.Context(), RunOptions{objects: objects, AllowDroppedState: true}, false, &out)
			for _, s := range append(c.says, "checkpoint 1, taken") {
				if text := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(text, s) {
					t.Errorf("%q does not say %q", text, s)
				}
			}
			if (err != nil) != c.loses || !slices.Equal(names(t, objects), before) {
				t.Errorf("%v, objects %q", err, names(t, objects))
			}
			if c.loses && ExitCode(err, "prog", &strings.Builder{}) != ExitFailed {
				t.Errorf("exit code %d", ExitCode(err, "prog", &strings.Builder{}))
			}
		})
	}
}

func TestAPlanNeedsAState(t *testing.T) {
	for says, o := range map[string]RunOptions{
		"--state":         {},
		"not exist":       {State: t.TempDir() + "/none"},
		"no checkpoint 7": {objects: mem.New(), From: 7},
	} {
		job := NewJob("job")
		To(From(job, "numbers", oneSplit(each[int64]()...)), "out", newCollected[int64]())
		_, err := job.PlanRestore(t.Context(), o)
		wantError(t, err, says)
		if base.KindOf(err) != base.Config {
			t.Errorf("%v is of kind %v", err, base.KindOf(err))
		}
	}
	job := NewJob("job")
	To(From(job, "numbers", oneSplit(each[int64]()...)), "out", newCollected[int64]())
	var out strings.Builder
	err := job.PrintRestore(t.Context(), RunOptions{objects: mem.New()}, false, &out)
	if err != nil || !strings.Contains(out.String(), "there is no checkpoint") {
		t.Errorf("%q, %v", out.String(), err)
	}
}
