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

func TestPurposesHaveDifferentNames(t *testing.T) {
	seen := map[string]bool{}
	for p := range Purpose(Purposes) {
		seen[p.String()] = true
	}
	if len(seen) != Purposes || seen[""] {
		t.Errorf("%v", seen)
	}
}
