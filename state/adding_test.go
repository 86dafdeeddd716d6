package state

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// joined adds words to each other, so that their order shows.
var joined = flow.Aggregator[int, []string, string]{
	Add:    func(acc *[]string, row *int) { *acc = append(*acc, fmt.Sprint(*row)) },
	Merge:  func(into, from *[]string) { *into = append(*into, *from...) },
	Result: func(acc *[]string) string { return strings.Join(*acc, "+") },
}

func TestAListBelongsToTheKeyOfTheCallAndKeepsItsOrder(t *testing.T) {
	d := newDesk(t)
	l := must(NewList[string](d.scope, "list"))
	for _, word := range []string{"a1", "b1", "a2"} {
		if err := l.Append(d.at(word[:1]), word); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.AppendAll(d.at("a"), []string{"a3", "a4"}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "[a1 a2 a3 a4]", "b": "[b1]", "c": "[]"} {
		rows := slices.Collect(must(l.All(d.at(key))))
		visited := []string{}
		if err := l.Each(d.at(key), func(row *string) bool { visited = append(visited, *row); return true }); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(visited) != want {
			t.Errorf("%s was visited with %v, want %s", key, visited, want)
		}
		if n := must(l.Len(d.at(key))); fmt.Sprint(rows) != want || n != len(rows) {
			t.Errorf("%s has %v of %d, want %s", key, rows, n, want)
		}
	}
	if err := l.Clear(d.at("a")); err != nil {
		t.Fatal(err)
	}
	if a, b := must(l.Len(d.at("a"))), must(l.Len(d.at("b"))); a != 0 || b != 1 {
		t.Errorf("after one of them was cleared the lists have %d and %d rows", a, b)
	}
}

func TestAListMayBeChangedWhileItIsRead(t *testing.T) {
	d := newDesk(t)
	l := must(NewList[int](d.scope, "list"))
	if err := l.AppendAll(d.at("a"), []int{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	ctx, seen := d.at("a"), 0
	for row := range must(l.All(ctx)) {
		seen++
		if err := l.Append(ctx, row+10); err != nil {
			t.Fatal(err)
		}
	}
	if n := must(l.Len(ctx)); seen != 3 || n != 6 {
		t.Errorf("%d rows were read, there are %d", seen, n)
	}
}

func TestWhatIsAddedIsReducedInItsOrder(t *testing.T) {
	d := newDesk(t)
	r := must(NewReducing(d.scope, "words", func(into, v *string) { *into += *v }))
	for _, word := range []string{"a", "b", "a2", "a3"} {
		if err := r.Add(d.at(word[:1]), word); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Clear(d.at("b")); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "aa2a3 true", "b": " false", "c": " false"} {
		v, ok, err := r.Get(d.at(key))
		if got := fmt.Sprint(v, " ", ok); got != want || err != nil {
			t.Errorf("%s has %q, %v, want %q", key, got, err, want)
		}
	}
}

func TestRowsAreAggregatedAndTheirResultIsMadeWhenAskedFor(t *testing.T) {
	d := newDesk(t)
	a := must(NewAggregating(d.scope, "rows", joined))
	for i, key := range []string{"a", "b", "a"} {
		if err := a.Add(d.at(key), i); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Clear(d.at("b")); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "0+2 true", "b": " false", "c": " false"} {
		v, ok, err := a.Get(d.at(key))
		if got := fmt.Sprint(v, " ", ok); got != want || err != nil {
			t.Errorf("%s has %q, %v, want %q", key, got, err, want)
		}
	}
}

func TestWhatIsAddedToIsRefusedOutsideACallToo(t *testing.T) {
	d := newDesk(t)
	l := must(NewList[int](d.scope, "list"))
	r := must(NewReducing(d.scope, "reducing", func(into, v *int) { *into += *v }))
	a := must(NewAggregating(d.scope, "aggregating", joined))
	ctx := d.at("a")
	ctx.Leave()
	_, all := l.All(ctx)
	_, length := l.Len(ctx)
	_, _, value := r.Get(ctx)
	_, _, result := a.Get(ctx)
	for what, err := range map[string]error{
		"append": l.Append(ctx, 1), "append all": l.AppendAll(ctx, []int{1}), "all": all, "each": l.Each(ctx, func(*int) bool { return true }), "len": length,
		"clear": l.Clear(ctx), "reduce": r.Add(ctx, 1), "value": value, "clear value": r.Clear(ctx),
		"add": a.Add(ctx, 1), "result": result, "clear result": a.Clear(ctx),
	} {
		if !errors.Is(err, flow.ErrOutsideCall) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestADeclarationWithoutWhatItNeedsIsRefused(t *testing.T) {
	d := newDesk(t)
	must(NewList[int](d.scope, "taken"))
	_, twice := NewReducing(d.scope, "taken", func(_, _ *int) {})
	_, channel := NewList[chan int](d.scope, "channels")
	_, nothing := NewReducing[int](d.scope, "no function", nil)
	_, half := NewAggregating(d.scope, "half", flow.Aggregator[int, int, int]{Add: func(_, _ *int) {}})
	d.scope.End()
	_, list := NewList[int](d.scope, "late")
	_, reducing := NewReducing(d.scope, "late", func(_, _ *int) {})
	_, aggregating := NewAggregating(d.scope, "late", joined)
	for _, c := range []struct {
		err  error
		want string
	}{
		{twice, `two states are named "taken"`}, {channel, "chan int"}, {nothing, "give it one"},
		{half, "Add, Merge and Result"}, {list, "after Open"}, {reducing, "after Open"}, {aggregating, "after Open"},
	} {
		if base.KindOf(c.err) != base.Config || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v does not say %q", c.err, c.want)
		}
	}
}

// What is added is on the hot path.
func TestAddingAllocatesNothing(t *testing.T) {
	d := newDesk(t)
	r := must(NewReducing(d.scope, "reducing", func(into, v *[4]int64) { into[0] += v[0] }))
	a := must(NewAggregating(d.scope, "aggregating", flow.Aggregator[[4]int64, int64, int64]{
		Add: func(acc *int64, row *[4]int64) { *acc += row[0] }, Merge: func(into, from *int64) { *into += *from },
		Result: func(acc *int64) int64 { return *acc },
	}))
	ctx := d.at("a")
	n := testing.AllocsPerRun(100, func() {
		if err := errors.Join(r.Add(ctx, [4]int64{1}), a.Add(ctx, [4]int64{1})); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for two rows", n)
	}
}
