package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// dictionary are tables with a value for each key that is not empty: the key in capitals.
type dictionary struct {
	asked []string
	fail  error
}

func (d *dictionary) Read(_ context.Context, keys [][]byte, found func(int, []byte) error) error {
	d.asked = append(d.asked, string(bytes.Join(keys, []byte(" "))))
	for i, key := range keys {
		if key[0] == 'x' {
			continue
		}
		if err := found(i, bytes.ToUpper(key)); err != nil {
			return err
		}
	}
	return d.fail
}

func (d *dictionary) Scan(context.Context, []byte, []byte, func(k, v []byte) error) error {
	return errors.New("nobody looks for ranges here")
}

// looked reads what has been added, and is what the sleepers see.
func looked(t *testing.T, l *lookups[int], d *dictionary) (all []string) {
	t.Helper()
	g := l.close()
	g.read(t.Context(), d)
	for at, sleeper := range g.sleepers {
		value, there, err := l.see(g, at)
		all = append(all, fmt.Sprintf("%d %s %v %v", sleeper, value, there, err))
	}
	return all
}

func TestKeysLookedForAtTheSameTimeAreReadTogetherInTheirOrder(t *testing.T) {
	l, d, key := &lookups[int]{}, &dictionary{}, []byte("c")
	for i, k := range []string{"c", "a", "x", "b"} {
		copy(key, k)
		l.add(key, i)
	}
	want := []string{"0 C true <nil>", "1 A true <nil>", "2  false <nil>", "3 B true <nil>"}
	if got := looked(t, l, d); !slices.Equal(got, want) || !slices.Equal(d.asked, []string{"a b c x"}) {
		t.Errorf("%q for %q", got, d.asked)
	}
}

func TestAGroupOfLookupsIsUsedAgainWhenAllHaveSeenTheirValues(t *testing.T) {
	l, d := &lookups[int]{}, &dictionary{}
	l.add([]byte("a"), 1)
	l.add([]byte("b"), 2)
	first := l.close()
	first.read(t.Context(), d)
	if v, _, _ := l.see(first, 0); string(v) != "A" {
		t.Errorf("%s", v)
	}
	if second, _ := l.add([]byte("x"), 3); second == first {
		t.Fatal("a value was given up that nobody has seen")
	}
	if got := looked(t, l, d); !slices.Equal(got, []string{"3  false <nil>"}) {
		t.Errorf("%q", got)
	}
	if v, _, _ := l.see(first, 1); string(v) != "B" {
		t.Errorf("%s", v)
	}
	if third, at := l.add([]byte("x"), 4); third != first || at != 0 {
		t.Error("it is not used again")
	}
	if got := looked(t, l, d); !slices.Equal(got, []string{"4  false <nil>"}) {
		t.Errorf("of its last use there is %q", got)
	}
}

func TestALookupThatFailsFailsForAll(t *testing.T) {
	l, d := &lookups[int]{}, &dictionary{fail: errBroken}
	l.add([]byte("a"), 1)
	l.add([]byte("b"), 2)
	g := l.close()
	g.read(t.Context(), d)
	for at := range 2 {
		if _, _, err := l.see(g, at); !errors.Is(err, errBroken) {
			t.Errorf("%v", err)
		}
	}
}

func TestLookupsAreFullBeforeTheFirstWaitsForTooLong(t *testing.T) {
	l := &lookups[int]{}
	if l.full() || l.close() != nil {
		t.Error("there is something to read before anybody asked")
	}
	for i := range mostLooked {
		if l.full() {
			t.Fatalf("full with %d", i)
		}
		l.add(fmt.Append(nil, i), i)
	}
	if !l.full() {
		t.Error("not full")
	}
}

// Rows of many keys ask in the middle of their functions, and are let go on by few reads.
func TestRowsThatSleepAreReadForTogether(t *testing.T) {
	const rows = mostLooked + 10
	var before, known, then []event
	for i := range rows {
		before = append(before, event{fmt.Sprint("k", i), 0, 1})
		known = append(known, event{fmt.Sprint("k", i), 0, 3})
		then = append(then, event{fmt.Sprint("k", i), 0, 2})
	}
	r := newShelfRig(t, strict, before...)
	r.rows(nil, known...)
	r.all() // the values of all keys come
	r.shut()
	forget(r.op())
	r.rows(nil, then...)
	if in, asleep := r.op().flight.InFlight(), r.op().flight.Parked(); in != rows || asleep != rows {
		t.Fatalf("%d in flight, %d asleep", in, asleep)
	}
	r.passes()
	r.passes()
	if in := r.op().flight.InFlight(); in != 0 {
		t.Errorf("%d are in flight after two reads", in)
	}
}
