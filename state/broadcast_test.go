package state

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestABroadcastStateIsReadWithoutAContextAndChangedWithItsOwn(t *testing.T) {
	d := newDesk(t)
	b := must(NewBroadcast[string, int64](d.scope, "rules"))
	ctx := flow.NewBroadcastContext(context.Background(), nil)
	if err := b.Set(ctx, "a", 1); !errors.Is(err, flow.ErrOutsideCall) {
		t.Errorf("before the call: %v", err)
	}
	ctx.Enter(5, 3)
	if ctx.Time != 5 || ctx.Watermark != 3 {
		t.Errorf("at %d, %d", ctx.Time, ctx.Watermark)
	}
	for key, v := range map[string]int64{"a": 1, "b": 2, "c": 3} {
		if err := b.Set(ctx, key, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Remove(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	ctx.Leave()
	if err := errors.Join(b.Set(ctx, "d", 4), b.Remove(ctx, "a")); !errors.Is(err, flow.ErrOutsideCall) {
		t.Errorf("after the call: %v", err)
	}
	if got := maps.Collect(b.All()); !maps.Equal(got, map[string]int64{"a": 1, "c": 3}) || b.Len() != 2 {
		t.Errorf("%v", got)
	}
	if v, ok := b.Get("c"); v != 3 || !ok {
		t.Error(v, ok)
	}
	if _, ok := b.Get("b"); ok {
		t.Error("what was removed is there")
	}
}

func TestABroadcastStateIsDeclaredOnceAndInOpen(t *testing.T) {
	d := newDesk(t)
	must(NewValue[int64](d.scope, "rules"))
	if _, err := NewBroadcast[string, int64](d.scope, "rules"); base.KindOf(err) != base.Config {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := NewBroadcast[string, func()](d.scope, "other"); base.KindOf(err) != base.Config {
		t.Errorf("a type that cannot be encoded: %v", err)
	}
	if _, err := NewBroadcast[float64, int64](d.scope, "third"); base.KindOf(err) != base.Config {
		t.Errorf("a key that cannot be encoded: %v", err)
	}
	d.scope.End()
	if _, err := NewBroadcast[string, int64](d.scope, "late"); base.KindOf(err) != base.Config {
		t.Errorf("after Open: %v", err)
	}
}
