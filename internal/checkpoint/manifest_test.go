package checkpoint

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func sample() *Manifest {
	table := func(n string) Table { return Table{Name: TablePrefix + n, Bytes: 5, Entries: 2, CRC: 7, Epoch: 3} }
	return &Manifest{
		Job: "j", Checkpoint: 9, Term: 2, Created: 12345, Reason: ReasonPeriodic, MaxParallelism: 256,
		Operators: []Operator{{
			UID: "source", Name: "Source", Parallelism: 2, Known: []string{"a", "b", "c"},
			Unassigned: []Split{{ID: "c", Bounded: true, Spec: []byte{0, 255}}},
			Subtasks: []Subtask{
				{Range: base.RangeOf(0, 2, 256), Watermark: math.MinInt64, Splits: []Split{{ID: "a", Position: []byte("17")}}},
				{Range: base.RangeOf(1, 2, 256), Watermark: math.MaxInt64, Splits: []Split{{ID: "b"}}},
			},
		}, {
			UID: "count", Name: "Count", Parallelism: 2, Key: `{"kind":"int64"}`, States: []State{{"n", "value", "x"}},
			Subtasks: []Subtask{
				{Range: base.RangeOf(0, 2, 256), Watermark: 5, Tables: []Table{table("1"), table("2")}, SinkState: []byte("s0")},
				{Range: base.RangeOf(1, 2, 256), Watermark: 6, Tables: []Table{table("1"), table("3")}, Committables: [][]byte{[]byte("c"), []byte("d")}},
			},
		}},
	}
}

func TestAManifestComesBackAsItWas(t *testing.T) {
	data, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode[Manifest](data)
	if err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("%+v, %v", got, err)
	}
	if n := len(got.Tables()); n != 3 {
		t.Errorf("%d different tables, want 3", n)
	}
}

func TestEveryDamagedByteOfAManifestIsNoticed(t *testing.T) {
	data, err := Encode(&Head{Job: "j", Term: 1, Checkpoint: 2, Manifest: "m"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for _, change := range []byte{1, 0x20, 0x80} {
			bad := append([]byte(nil), data...)
			bad[i] ^= change
			if h, err := Decode[Head](bad); err == nil && (h.Term != 1 || h.Checkpoint != 2 || h.Job != "j" || h.Manifest != "m") {
				t.Errorf("byte %d ^ %#x: %+v", i, change, h)
			}
		}
		if _, err := Decode[Head](data[:i]); base.KindOf(err) != base.Corrupt {
			t.Errorf("the first %d bytes: %v", i, err)
		}
	}
}

func TestANewerFormatIsRefusedAndNamed(t *testing.T) {
	_, err := Decode[Manifest]([]byte(`{"format":7,"length":0,"crc32c":""}` + "\n\n"))
	if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "format 7") {
		t.Errorf("%v", err)
	}
}

func FuzzDecode(f *testing.F) {
	data, err := Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"format":1,"length":3,"crc32c":"00000000"}` + "\nabc\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode[Manifest](data)
		if (m == nil) == (err == nil) {
			t.Errorf("%v, %v", m, err)
		}
	})
}

// Every key group's tables, every split and every state go to exactly the subtasks that must have them.
func TestAssignmentLosesAndDoublesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := rapid.IntRange(1, 9).Draw(t, "old")
		parallelism := rapid.IntRange(1, 9).Draw(t, "new")
		op := Operator{Parallelism: old}
		for s := range old {
			sub := Subtask{Range: base.RangeOf(s, old, 16), Watermark: int64(s), SinkState: fmt.Append(nil, s)}
			for n := range rapid.IntRange(0, 4).Draw(t, "splits") {
				sub.Splits = append(sub.Splits, Split{ID: fmt.Sprint(s, ".", n)})
			}
			for n := range rapid.IntRange(0, 3).Draw(t, "tables") {
				sub.Tables = append(sub.Tables, Table{Name: fmt.Sprint(s, ".", n)})
			}
			op.Subtasks = append(op.Subtasks, sub)
		}
		all := Assign(op, parallelism, 16)
		splits, states := map[string]int{}, map[string]int{}
		for _, a := range all {
			for _, s := range a.Splits {
				splits[s.ID]++
			}
			for _, s := range a.SinkStates {
				states[string(s)]++
			}
		}
		for g := range base.KeyGroup(16) {
			a := all[base.SubtaskOf(g, parallelism, 16)]
			want, got := "", ""
			for _, s := range op.Subtasks {
				for _, table := range s.Tables {
					if s.Range.Contains(g) {
						want += table.Name + " "
					}
				}
			}
			for _, table := range a.Tables {
				if table.Range.Contains(g) {
					got += table.Name + " "
				}
			}
			if got != want {
				t.Fatalf("group %d: tables %q, want %q", g, got, want)
			}
		}
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

func TestTheLeastWatermarkIsTheAssignments(t *testing.T) {
	all := Assign(sample().Operators[1], 1, 256)
	if w := all[0].Watermark(); w != 5 {
		t.Errorf("watermark %d, want 5", w)
	}
	if w := (&Assignment{}).Watermark(); w != math.MinInt64 {
		t.Errorf("watermark %d of nothing", w)
	}
}

func TestOnlyTablesThatNothingReachesMayGo(t *testing.T) {
	listed := []string{"head", "checkpoints/x", "shards/1", "shards/2", "shards/3", "shards/4", "shards/5"}
	got := Unreachable([]*Manifest{sample()}, listed)
	if want := "[shards/4 shards/5]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
