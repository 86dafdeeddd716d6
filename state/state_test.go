package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// desk is a store with a context of its keys, as a process function has it.
type desk struct {
	t     *testing.T
	store *keyed.Store[string]
	scope *Scope
	ctx   *flow.Context
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	s, err := keyed.NewStore[string](keyed.Config{Name: "op", MaxParallelism: 4, Groups: base.KeyGroupRange{End: 4}})
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t, s, NewScope(s), flow.NewContext(context.Background(), nil)}
}

// at makes the context that of one of some keys.
func (d *desk) at(key string) *flow.Context {
	d.t.Helper()
	keys := []string{"a", "b", "c"}
	hashes, slots := make([]uint64, len(keys)), make([]keyed.Slot, len(keys))
	for i, k := range keys {
		hashes[i] = d.store.Hash(k)
	}
	if err := d.store.Lookup(keys, hashes, slots); err != nil {
		d.t.Fatal(err)
	}
	d.ctx.Enter(uint32(slots[slices.Index(keys, key)]), 1)
	return d.ctx
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAValueBelongsToTheKeyOfTheCall(t *testing.T) {
	d := newDesk(t)
	v := must(NewValue[[]string](d.scope, "words"))
	for _, k := range []string{"a", "b", "a"} {
		ctx := d.at(k)
		if err := v.Update(ctx, func(w *[]string) { *w = append(*w, k) }); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range map[string]string{"a": "[a a] true", "b": "[b] true", "c": "[] false"} {
		words, ok, err := v.Get(d.at(key))
		if got := fmt.Sprintf("%v %v", words, ok); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", key, got, err, want)
		}
	}
	if err := v.Clear(d.at("a")); err != nil {
		t.Error(err)
	}
	if _, ok, _ := v.Get(d.at("a")); ok {
		t.Error("a value that was taken away is there")
	}
	if err := v.Set(d.at("a"), []string{"new"}); err != nil {
		t.Error(err)
	}
	if words, ok, _ := v.Get(d.at("a")); !ok || len(words) != 1 {
		t.Errorf("%v, %v", words, ok)
	}
}

func TestAMapBelongsToTheKeyOfTheCall(t *testing.T) {
	d := newDesk(t)
	m := must(NewMap[int, string](d.scope, "by number"))
	for i := range 3 {
		for _, err := range []error{m.Set(d.at("a"), i, fmt.Sprint("a", i)), m.Set(d.at("b"), i, fmt.Sprint("b", i))} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(m.Remove(d.at("a"), 1), m.Clear(d.at("b"))); err != nil {
		t.Fatal(err)
	}
	got := maps.Collect(must(m.All(d.at("a"))))
	if !maps.Equal(got, map[int]string{0: "a0", 2: "a2"}) {
		t.Errorf("%v", got)
	}
	for key, want := range map[string]int{"a": 2, "b": 0, "c": 0} {
		if n, err := m.Len(d.at(key)); n != want || err != nil {
			t.Errorf("%s: %d entries, %v", key, n, err)
		}
	}
	if v, ok, err := m.Get(d.at("a"), 2); v != "a2" || !ok || err != nil {
		t.Errorf("%q, %v, %v", v, ok, err)
	}
	if v, ok, err := m.Get(d.at("a"), 1); v != "" || ok || err != nil {
		t.Errorf("%q, %v, %v", v, ok, err)
	}
}

func TestEveryUseOutsideACallIsRefused(t *testing.T) {
	d := newDesk(t)
	v, m := must(NewValue[int](d.scope, "value")), must(NewMap[int, int](d.scope, "map"))
	ctx := d.at("a")
	ctx.Leave()
	_, _, get := v.Get(ctx)
	_, _, entry := m.Get(ctx, 1)
	_, length := m.Len(ctx)
	_, all := m.All(ctx)
	for what, err := range map[string]error{
		"get": get, "set": v.Set(ctx, 1), "update": v.Update(ctx, func(*int) { t.Error("it was updated") }),
		"clear": v.Clear(ctx), "map get": entry, "map set": m.Set(ctx, 1, 1), "map remove": m.Remove(ctx, 1),
		"map len": length, "map all": all, "map clear": m.Clear(ctx),
	} {
		if !errors.Is(err, flow.ErrOutsideCall) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestStateIsDeclaredInOpenAndNotLater(t *testing.T) {
	d := newDesk(t)
	d.scope.End()
	_, value := NewValue[int](d.scope, "late value")
	_, entries := NewMap[int, int](d.scope, "late map")
	for name, err := range map[string]error{"late value": value, "late map": entries} {
		want := fmt.Sprintf("state %q is declared after Open: declare it in Open", name)
		if base.KindOf(err) != base.Config || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if n := len(d.store.States()); n != 0 {
		t.Errorf("%d states were declared", n)
	}
}

func TestADeclarationThatCannotBeIsAnError(t *testing.T) {
	d := newDesk(t)
	must(NewValue[int](d.scope, "taken"))
	_, twice := NewMap[int, int](d.scope, "taken")
	_, function := NewValue[func()](d.scope, "function")
	_, floating := NewMap[float64, int](d.scope, "by float")
	for want, err := range map[string]error{"taken": twice, "func()": function, "float64": floating} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
