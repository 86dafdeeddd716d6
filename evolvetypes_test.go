package aquifer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

type (
	narrow struct{ X int64 }
	wide   struct {
		Y bool
		X int64
	}
	// older has a narrow in each place in which newer, in another order and with more fields, has a wide.
	older struct {
		A    int64
		In   narrow
		At   *narrow
		Many []narrow
		By   map[string]narrow
	}
	newer struct {
		By   map[string]wide
		Many []wide
		At   *wide
		In   wide
		New  string
		A    int64
		T    time.Time
	}
	alias older
	other struct {
		A int32
		B *string
	}
)

// family are types of state: of each two, one can read the other or not. There are few, because the compiler makes all
// of the hot tables anew for each; package record has tests with many.
var family = []typed{typedAs[older](), typedAs[alias](), typedAs[newer](), typedAs[other]()}

func TestAProgramOfAnyTypeReadsThatOfAnyOtherAsTheModelSaysOrIsRefused(t *testing.T) {
	for i, outcomes := range [][]string{
		{"keep", "keep", "migrate", "refuse"},
		{"keep", "keep", "migrate", "refuse"},
		{"migrate", "migrate", "keep", "refuse"},
		{"refuse", "refuse", "refuse", "keep"},
	} {
		k := family[i].keeps(t)
		for j, outcome := range outcomes {
			if can := restoresAsModelled(t, k, family[i], family[j], outcome); can != (outcome != "refuse") {
				t.Errorf("%v as %v: %v, want %s", family[i].typ, family[j].typ, can, outcome)
			}
		}
	}
}

// restoresAsModelled holds what r reads of w against the model, and returns whether it can.
func restoresAsModelled(t *testing.T, k kept, w, r typed, planned string) bool {
	t.Helper()
	before := names(t, k.objects)
	if got := outcomes(t, k.objects, r); got != planned {
		t.Errorf("%v as %v is planned to %s, want %s", w.typ, r.typ, got, planned)
	}
	want, ok := modelled(t, w, r)
	rows, err := r.goesOn(t, k)
	if ok {
		if err != nil || !slices.Equal(rows, want) {
			t.Errorf("%v as %v, planned to %s:\n%q, %v\nwant\n%q", w.typ, r.typ, planned, rows, err, want)
		}
		return true
	}
	if base.KindOf(err) != base.Config || !slices.Equal(names(t, k.objects), before) {
		t.Errorf("%v as %v, planned to %s: %q, %v", w.typ, r.typ, planned, rows, err)
	}
	for _, kind := range stateKinds {
		wantError(t, err, fmt.Sprintf(`operator "states": state %q: `, kind))
	}
	return false
}

// keyedAs is a program with keys of type K.
func keyedAs[K comparable](key func(n int64) K) func(KeyedStream[int64, int64]) Stream[string] {
	return func(numbers KeyedStream[int64, int64]) Stream[string] {
		byKey := KeyBy(numbers.Stream, func(n *int64) K { return key(max(*n, -*n)) })
		return Process(byKey, "states", func() ProcessFunc[int64, string] { return &holding{names: []string{"a"}} })
	}
}

func TestKeysDoNotChangeTheirType(t *testing.T) {
	type id int64
	number := keyedAs(func(n int64) int64 { return n })
	for name, c := range map[string]struct {
		old, now func(KeyedStream[int64, int64]) Stream[string]
		refused  bool
	}{
		"the same":     {number, number, false},
		"another name": {number, keyedAs(func(n int64) id { return id(n) }), false},
		"another type": {number, keyedAs(func(n int64) string { return fmt.Sprint(n) }), true},
	} {
		t.Run(name, func(t *testing.T) {
			objects, sink := mem.New(), newCollected[string]()
			run := func(round int, program func(KeyedStream[int64, int64]) Stream[string]) ([]string, error) {
				return runRound(t, objects, sink, dropping, round, written, program)
			}
			if _, err := run(0, c.old); err != nil {
				t.Fatal(err)
			}
			before := names(t, objects)
			rows, err := run(1, c.now)
			if !c.refused {
				if err != nil || len(rows) != 3 {
					t.Errorf("%q, %v", rows, err)
				}
				return
			}
			wantError(t, err, `operator "states" cannot read its keys`, "the checkpoint's keys are", "another uid")
			if base.KindOf(err) != base.Config || !slices.Equal(names(t, objects), before) {
				t.Errorf("%v, objects %q", err, names(t, objects))
			}
		})
	}
}
