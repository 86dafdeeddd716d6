package keyed

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// rules is a store with a broadcast state.
func rules[V any](t *testing.T, older []StateInfo) (*Store[string], *Broadcast[string, V]) {
	t.Helper()
	var b *Broadcast[string, V]
	s := oneState(t, &shelf{m: map[string]string{}}, older, func(r Registry) (err error) {
		b, err = NewBroadcast[string, V](r, "rules")
		return err
	})
	return s, b
}

// listed are the entries in the order of their keys.
func enumerated[V any](b *Broadcast[string, V]) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(maps.Collect(b.All()))) {
		v, _ := b.Get(key)
		all = append(all, fmt.Sprint(key, "=", v))
	}
	return strings.Join(all, " ")
}

func TestABroadcastStateIsAMapOfNoKey(t *testing.T) {
	s, b := rules[int64](t, nil)
	for i, key := range []string{"b", "a", "c", "a"} {
		must(t, b.Set(key, int64(i)))
	}
	b.Remove("c")
	b.Remove("c")
	if got := enumerated(b); got != "a=3 b=0" || b.Len() != 2 {
		t.Errorf("%q", got)
	}
	if v, ok := b.Get("c"); ok || v != 0 {
		t.Errorf("what was removed is %d", v)
	}
	if got := s.Len(); got != 0 {
		t.Errorf("%d keys", got)
	}
}

func TestEqualBroadcastStatesAreEncodedEquallyAndComeBack(t *testing.T) {
	s, b := rules[string](t, nil)
	again, c := rules[string](t, nil)
	for i := range 50 {
		must(t, b.Set(fmt.Sprint(i), fmt.Sprint("rule ", i)))
		must(t, c.Set(fmt.Sprint(49-i), "another"))
		must(t, c.Set(fmt.Sprint(49-i), fmt.Sprint("rule ", 49-i)))
	}
	data := s.Broadcasts()
	if !bytes.Equal(data, again.Broadcasts()) {
		t.Error("equal states are encoded differently")
	}
	restored, d := rules[string](t, s.States())
	must(t, restored.RestoreBroadcasts(data))
	if enumerated(d) != enumerated(b) || !bytes.Equal(restored.Broadcasts(), data) {
		t.Errorf("%s came back as %s", enumerated(b), enumerated(d))
	}
	must(t, d.Set("7", "changed"))
	if bytes.Equal(restored.Broadcasts(), data) {
		t.Error("a change is not in what is encoded")
	}
	data = restored.Broadcasts()
	d.Remove("7")
	if bytes.Equal(restored.Broadcasts(), data) {
		t.Error("a removal is not in what is encoded")
	}
}

func TestAStoreWithoutBroadcastStateHasNothingOfIt(t *testing.T) {
	s := oneState(t, &shelf{m: map[string]string{}}, nil, func(Registry) error { return nil })
	if data := s.Broadcasts(); data != nil {
		t.Errorf("%q", data)
	}
	must(t, s.RestoreBroadcasts(nil))
}

func TestABroadcastStateKeepsNothingOfItsCaller(t *testing.T) {
	_, b := rules[[]byte](t, nil)
	value := []byte("rule")
	must(t, b.Set("a", value))
	value[0] = 'm'
	if v, _ := b.Get("a"); string(v) != "rule" {
		t.Errorf("%q", v)
	}
}

// The type of a broadcast state may change as that of any other.
func TestABroadcastStateOfAnEarlierProgramIsRead(t *testing.T) {
	s, b := rules[first](t, nil)
	must(t, b.Set("a", first{A: 7}))
	next, c := rules[then](t, s.States())
	must(t, next.RestoreBroadcasts(s.Broadcasts()))
	must(t, c.Set("b", then{A: 8, B: "x"}))
	if got := enumerated(c); got != "a={7 } b={8 x}" {
		t.Fatal(got)
	}
	third, d := rules[last](t, next.States())
	must(t, third.RestoreBroadcasts(next.Broadcasts()))
	if got := enumerated(d); got != "a={ false 7} b={x false 8}" {
		t.Error(got)
	}
}

func TestABroadcastStateThatDoesNotFitIsRefused(t *testing.T) {
	for name, w := range map[string]StateInfo{
		"another kind":  {Name: "rules", Kind: "map", Schema: "string → int64"},
		"another key":   {Name: "rules", Kind: "broadcast", Schema: "int64 → int64"},
		"another value": {Name: "rules", Kind: "broadcast", Schema: "string → string"},
	} {
		s, _ := rules[int64](t, nil)
		if err := s.SetWriterSchemas(s.KeySchema(), []StateInfo{w}); base.KindOf(err) != base.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABroadcastStateThatTheProgramHasNotIsPassedBy(t *testing.T) {
	s, b := rules[int64](t, nil)
	must(t, b.Set("a", 1))
	none := oneState(t, &shelf{m: map[string]string{}}, s.States(), func(Registry) error { return nil })
	must(t, none.RestoreBroadcasts(s.Broadcasts()))
}

func TestBroadcastStateHasABound(t *testing.T) {
	s, b := rules[string](t, nil)
	third := strings.Repeat("x", MaxBroadcast/3)
	must(t, b.Set("a", third))
	must(t, b.Set("b", third))
	err := b.Set("c", third)
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "more than 16 MB") {
		t.Fatal(err)
	}
	must(t, b.Set("b", "small")) // what is replaced makes room
	must(t, b.Set("c", third))
	b.Remove("a")
	must(t, b.Set("d", third))
	if n := s.Bytes(); n < MaxBroadcast*2/3 {
		t.Errorf("the store says that it takes %d bytes", n)
	}
}

func TestDamagedBroadcastStateIsReported(t *testing.T) {
	s, b := rules[string](t, nil)
	for i := range 5 {
		must(t, b.Set(fmt.Sprint(i), "rule"))
	}
	data := s.Broadcasts()
	for n := 1; n < len(data); n++ {
		cut, _ := rules[string](t, nil)
		if err := cut.RestoreBroadcasts(data[:n]); base.KindOf(err) != base.Corrupt {
			t.Errorf("%d of %d bytes: %v", n, len(data), err)
		}
	}
}
