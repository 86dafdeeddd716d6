package objstore

import (
	"context"
	"testing"
)

func TestAReadSaysTheSizeOfItsObjectOrNothing(t *testing.T) {
	if _, known := SizeOf(t.Context()); known {
		t.Error("a size that nobody has told")
	}
	ctx, cancel := context.WithCancel(Sized(For(t.Context(), WarmUp), 70_000))
	defer cancel()
	if size, known := SizeOf(ctx); size != 70_000 || !known {
		t.Errorf("%d, %v", size, known)
	}
	if p := PurposeOf(ctx); p != WarmUp {
		t.Errorf("the purpose is lost: %v", p)
	}
	if size, _ := SizeOf(Sized(ctx, 5)); size != 5 {
		t.Errorf("%d, not what was said last", size)
	}
}

func TestAskingForTheSizeAllocatesNothing(t *testing.T) {
	ctx := For(Sized(t.Context(), 1<<40), Checkpoint)
	if n := testing.AllocsPerRun(100, func() { SizeOf(ctx) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
