package checkpoint

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/aquifer-stream/aquifer/internal/base"
)

const groups = 16 // key groups of the drawn operators

// drawSubtask draws what an old subtask left. Some have no keyed state; its shard is told by its Meta.
func drawSubtask(t *rapid.T, s, parallelism int) Subtask {
	sub := Subtask{Range: base.RangeOf(s, parallelism, groups), Watermark: int64(s), SinkState: fmt.Append(nil, s)}
	for n := range rapid.IntRange(0, 4).Draw(t, "splits") {
		sub.Splits = append(sub.Splits, Split{ID: fmt.Sprint(s, ".", n)})
	}
	if rapid.Bool().Draw(t, "keyed") {
		sub.Meta = fmt.Append(nil, "meta ", s)
		for n := range rapid.IntRange(0, 3).Draw(t, "tables") { // a shard may be empty
			sub.Tables = append(sub.Tables, Table{Name: fmt.Sprint(s, ".", n)})
		}
	}
	sub.Namespaces = rapid.SliceOfDistinct(rapid.Int64Range(-3, 3), rapid.ID[int64]).Draw(t, "namespaces")
	slices.Sort(sub.Namespaces)
	return sub
}

func drawOperator(t *rapid.T) Operator {
	op := Operator{Parallelism: rapid.IntRange(1, 9).Draw(t, "old")}
	for s := range op.Parallelism {
		op.Subtasks = append(op.Subtasks, drawSubtask(t, s, op.Parallelism))
	}
	return op
}

// counts is how often each split and each state of a sink was given.
func counts(all []Assignment) (splits, states map[string]int) {
	splits, states = map[string]int{}, map[string]int{}
	for _, a := range all {
		for _, s := range a.Splits {
			splits[s.ID]++
		}
		for _, s := range a.SinkStates {
			states[string(s)]++
		}
	}
	return splits, states
}

func TestAssignmentLosesAndDoublesNoSplitAndNoState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := drawOperator(t)
		splits, states := counts(Assign(op, rapid.IntRange(1, 9).Draw(t, "new"), groups))
		for s := range op.Subtasks {
			if n := states[fmt.Sprint(s)]; n != 1 {
				t.Fatalf("state %d was given %d times", s, n)
			}
			for _, split := range op.Subtasks[s].Splits {
				if n := splits[split.ID]; n != 1 {
					t.Fatalf("split %s was given %d times", split.ID, n)
				}
			}
		}
	})
}

// owner is the shard of an assignment that has a key group, and how many do.
func owner(a Assignment, g base.KeyGroup) (found Shard, n int) {
	for _, s := range a.Shards {
		if s.Range.Contains(g) {
			found, n = s, n+1
		}
	}
	return found, n
}

// A subtask that has no keyed state leaves no shard; its key groups are empty then.
func TestEachKeyGroupComesFromTheOneShardThatHadIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := drawOperator(t)
		parallelism := rapid.IntRange(1, 9).Draw(t, "new")
		all := Assign(op, parallelism, groups)
		for g := range base.KeyGroup(groups) {
			shard, n := owner(all[base.SubtaskOf(g, parallelism, groups)], g)
			old := op.Subtasks[base.SubtaskOf(g, op.Parallelism, groups)]
			want := 1
			if len(old.Meta) == 0 {
				want = 0
			}
			if n != want {
				t.Fatalf("group %d: %d shards, want %d", g, n, want)
			}
			if string(shard.Meta) != string(old.Meta) || n > 0 && fmt.Sprint(shard.Tables) != fmt.Sprint(old.Tables) {
				t.Fatalf("group %d: %q over %v, want %q over %v", g, shard.Meta, shard.Tables, old.Meta, old.Tables)
			}
		}
	})
}

func TestAShardThatHasNoneOfTheKeyGroupsIsNotAssigned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, a := range Assign(drawOperator(t), rapid.IntRange(1, 9).Draw(t, "new"), groups) {
			at := a.Range.Start
			for _, s := range a.Shards { // they follow one another, as opening them as one wants it
				if !s.Range.Overlaps(a.Range) || s.Range.End <= at {
					t.Fatalf("%v was given the shard of %v after %d", a.Range, s.Range, at)
				}
				at = s.Range.End
			}
		}
	})
}

func TestTheNamespacesAreThoseOfAllShardsOnceAndAscending(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := drawOperator(t)
		for _, a := range Assign(op, rapid.IntRange(1, 9).Draw(t, "new"), groups) {
			set := map[int64]bool{}
			for _, old := range op.Subtasks {
				for _, ns := range old.Namespaces {
					set[ns] = set[ns] || old.Range.Overlaps(a.Range)
				}
			}
			var want []int64
			for ns := int64(-3); ns <= 3; ns++ {
				if set[ns] {
					want = append(want, ns)
				}
			}
			if !slices.Equal(a.Namespaces, want) {
				t.Fatalf("%v: namespaces %v, want %v", a.Range, a.Namespaces, want)
			}
		}
	})
}

func TestAssigningChangesNoCheckpoint(t *testing.T) {
	op := Operator{Subtasks: []Subtask{
		{Range: base.RangeOf(0, 2, groups), Namespaces: append(make([]int64, 0, 8), 1, 3)},
		{Range: base.RangeOf(1, 2, groups), Namespaces: []int64{2}},
	}}
	before := fmt.Sprint(op)
	if all := Assign(op, 1, groups); fmt.Sprint(all[0].Namespaces) != "[1 2 3]" {
		t.Errorf("namespaces %v", all[0].Namespaces)
	}
	if spare := op.Subtasks[0].Namespaces[:4]; fmt.Sprint(op) != before || spare[2] != 0 {
		t.Errorf("%v became %v, with %v", before, op, spare)
	}
}

func TestWhatAllSubtasksHaveComesToAllOfThem(t *testing.T) {
	op := Operator{Subtasks: []Subtask{
		{Range: base.RangeOf(0, 2, groups), Broadcasts: []byte("rules")}, {Range: base.RangeOf(1, 2, groups)},
	}}
	for _, parallelism := range []int{1, 2, 3, 7} {
		for s, a := range Assign(op, parallelism, groups) {
			if string(a.Broadcasts) != "rules" {
				t.Errorf("subtask %d of %d got %q", s, parallelism, a.Broadcasts)
			}
		}
	}
}

func TestTheLeastWatermarkIsTheAssignments(t *testing.T) {
	op := sample().Operators[1]
	if w := Assign(op, 1, 256)[0].Watermark(); w != 5 {
		t.Errorf("watermark %d, want 5", w)
	}
	if w := Assign(op, 2, 256)[1].Watermark(); w != 9 {
		t.Errorf("watermark %d, want that of its key groups under the subtasks before", w)
	}
	if w := (&Assignment{}).Watermark(); w != math.MinInt64 {
		t.Errorf("watermark %d of nothing", w)
	}
}
