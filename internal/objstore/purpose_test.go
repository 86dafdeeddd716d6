package objstore

import (
	"context"
	"testing"
)

func TestARequestIsForARecordUnlessItSaysOtherwise(t *testing.T) {
	if p := PurposeOf(t.Context()); p != Record {
		t.Errorf("%v", p)
	}
	compacting := For(t.Context(), Compaction)
	below, cancel := context.WithCancel(compacting)
	defer cancel()
	if PurposeOf(below) != Compaction || PurposeOf(For(below, WarmUp)) != WarmUp {
		t.Errorf("%v, %v", PurposeOf(below), PurposeOf(For(below, WarmUp)))
	}
}

func TestWhatARequestIsForMayChangeWhileItsContextLives(t *testing.T) {
	now := Compaction
	ctx := ForWhatever(t.Context(), func() Purpose { return now })
	if p := PurposeOf(ctx); p != Compaction {
		t.Errorf("%v at first", p)
	}
	if now = Checkpoint; PurposeOf(ctx) != Checkpoint || PurposeOf(For(ctx, Record)) != Record {
		t.Errorf("%v, then %v", PurposeOf(ctx), PurposeOf(For(ctx, Record)))
	}
}

func TestPurposesHaveDifferentNames(t *testing.T) {
	seen := map[string]bool{}
	for p := range Purpose(Purposes) {
		seen[p.String()] = true
	}
	if len(seen) != Purposes || seen[""] {
		t.Errorf("%v", seen)
	}
}
