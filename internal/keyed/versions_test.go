package keyed

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// The type of a state as a program, the next and the one after that have it.
type (
	first struct{ A int64 }
	then  struct {
		A int64
		B string
	}
	last struct {
		B string
		C bool
		A int64
	}
)

// oneState is a store over a shelf with a state that some program declared.
func oneState(t *testing.T, below *shelf, older []StateInfo, declare func(Registry) error) *Store[string] {
	t.Helper()
	s, err := NewStore[string](Config{
		Name: "op", MaxParallelism: maxP, Groups: base.KeyGroupRange{End: maxP}, Context: t.Context(), Below: below,
		Restored: older != nil, Checkpoint: uint64(len(older)),
	})
	must(t, err)
	must(t, declare(s))
	if older != nil {
		must(t, s.SetWriterSchemas(s.KeySchema(), older))
	}
	return s
}

// write runs a program that sets the value of a key, and returns its states as a checkpoint keeps them.
func write[V any](t *testing.T, below *shelf, older []StateInfo, key string, v V) []StateInfo {
	t.Helper()
	var c *Column[V]
	s := oneState(t, below, older, func(r Registry) (err error) { c, err = NewColumn[V](r, "v"); return err })
	var slots [1]Slot
	must(t, s.Lookup([]string{key}, []uint64{s.Hash(key)}, slots[:]))
	c.Set(slots[0], &v)
	writeDown(t, below, s)
	return s.States()
}

func writeDown(t *testing.T, below *shelf, s *Store[string]) {
	t.Helper()
	f, out := s.Freeze(), &tape{}
	must(t, f.WriteTo(out))
	below.apply(out.entries)
	f.Done()
}

func TestValuesOfThreeSchemasAreRead(t *testing.T) {
	below := &shelf{m: map[string]string{}}
	states := write(t, below, nil, "a", first{1})
	states = write(t, below, states, "b", then{2, "two"})
	states = write(t, below, states, "c", last{"three", true, 3})
	if n := len(states[0].Older); n != 2 {
		t.Errorf("%d earlier schemas are remembered", n)
	}
	var c *Column[last]
	s := oneState(t, below, states, func(r Registry) (err error) { c, err = NewColumn[last](r, "v"); return err })
	for key, want := range map[string]last{"a": {A: 1}, "b": {"two", false, 2}, "c": {"three", true, 3}} {
		var slots [1]Slot
		must(t, s.Lookup([]string{key}, []uint64{s.Hash(key)}, slots[:]))
		if got, ok := c.Get(slots[0]); !ok || got != want {
			t.Errorf("%s is %+v, %v, want %+v", key, got, ok, want)
		}
	}
}

func TestAListHasRowsOfSeveralSchemas(t *testing.T) {
	below := &shelf{m: map[string]string{}}
	var a *List[first]
	s := oneState(t, below, nil, func(r Registry) (err error) { a, err = NewList[first](r, "l"); return err })
	var slots [1]Slot
	look := func() { must(t, s.Lookup([]string{"k"}, []uint64{s.Hash("k")}, slots[:])) }
	look()
	a.Append(slots[0], &first{1})
	writeDown(t, below, s)
	var b *List[then]
	s = oneState(t, below, s.States(), func(r Registry) (err error) { b, err = NewList[then](r, "l"); return err })
	look()
	if _, err := b.All(slots[0]); err != nil { // which makes the old chunk the newest in memory
		t.Fatal(err)
	}
	b.Append(slots[0], &then{2, "two"})
	writeDown(t, below, s)
	var c *List[last]
	s = oneState(t, below, s.States(), func(r Registry) (err error) { c, err = NewList[last](r, "l"); return err })
	look()
	rows, err := listed(s, c, slots[0])
	if got := fmt.Sprint(rows); got != "[{ false 1} {two false 2}]" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestAStateCanHaveHadSoManySchemas(t *testing.T) {
	older := func(n int) (all []string) {
		v, err := newVersions[first]("v")
		must(t, err)
		for range n {
			all = append(all, v.schema)
		}
		return all
	}
	v, err := newVersions[first]("v")
	must(t, err)
	must(t, v.accept(older(maxSchemas-1)))
	var got first
	must(t, v.decode(v.append(nil, &first{7}), &got))
	if got.A != 7 {
		t.Errorf("the last schema that there is a number for reads %+v", got)
	}
	err = v.accept(older(maxSchemas))
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "128 times") {
		t.Errorf("one more: %v", err)
	}
	if len(v.older) != maxSchemas-1 {
		t.Errorf("what was refused left %d schemas", len(v.older))
	}
}

func TestAValueOfNoKnownSchemaIsDamaged(t *testing.T) {
	v, err := newVersions[first]("v")
	must(t, err)
	good := v.append(nil, &first{7})
	for name, value := range map[string][]byte{
		"empty": nil, "of a later program": append([]byte{1}, good[1:]...), "cut": good[:1],
	} {
		var got first
		if err := v.decode(value, &got); base.KindOf(err) != base.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatTheProgramCannotReadIsRefused(t *testing.T) {
	below := &shelf{m: map[string]string{}}
	was := write(t, below, nil, "a", first{1})
	for _, c := range []struct {
		want    string
		declare func(Registry) error
	}{
		{"is a value in the checkpoint and a list", func(r Registry) error {
			_, err := NewList[first](r, "v")
			return err
		}},
		{"is a value in the checkpoint and a sum", func(r Registry) error {
			_, err := NewSum(r, "v", func(_, _ *first) {})
			return err
		}},
		{"A", func(r Registry) error { _, err := NewColumn[struct{ A string }](r, "v"); return err }},
	} {
		s := oneState(t, below, nil, c.declare)
		err := s.SetWriterSchemas(s.KeySchema(), was)
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v does not say %q", err, c.want)
		}
	}
}
