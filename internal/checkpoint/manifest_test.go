package checkpoint

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func sample() *Manifest {
	table := func(n string) Table { return Table{Name: TablePrefix + n, Bytes: 5, CRC: 7} }
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
			UID: "count", Name: "Count", Parallelism: 2, Key: `{"kind":"int64"}`,
			States: []State{{Name: "n", Kind: "value", Schema: "x", Older: []string{"v", "w"}}},
			Subtasks: []Subtask{{
				Range: base.RangeOf(0, 2, 256), Watermark: 5, Tables: []Table{table("1"), table("2")}, Meta: []byte("m0"),
				Namespaces: []int64{-10, 0, 20}, SinkState: []byte("s0"),
			}, {
				Range: base.RangeOf(1, 2, 256), Watermark: 6, Tables: []Table{table("1"), table("3")}, Meta: []byte{0, 255},
				Ahead:        []RangeWatermark{{base.RangeOf(1, 2, 256), 9}},
				Committables: [][]byte{[]byte("c"), []byte("d")},
				Flight: &Flight{
					Table: table("flight"), Offset: 10, Length: 20, Check: 7, Inputs: []FlightInput{{"source/0", "rows"}},
				},
			}},
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
	if n := len(got.Tables()); n != 4 {
		t.Errorf("%d different tables, want 3", n)
	}
}

func TestAFlightWithoutALengthIsAllOfItsObject(t *testing.T) {
	whole := Flight{Table: Table{"a", 5, 9}}
	part := Flight{Table: Table{"b", 50, 9}, Offset: 10, Length: 20, Check: 7}
	for f, want := range map[*Flight][3]int64{&whole: {0, 5, 9}, &part: {10, 20, 7}} {
		if offset, length, crc := f.Part(); [3]int64{offset, length, int64(crc)} != want {
			t.Errorf("%+v: %d, %d, %d", f, offset, length, crc)
		}
	}
	m := Manifest{Operators: []Operator{{Subtasks: []Subtask{{Flight: &part}, {Flight: &part}, {Flight: &whole}, {}}}}}
	if n := m.Overtaken(); n != 45 {
		t.Errorf("%d bytes are in flight", n)
	}
	if n := len(m.Tables()); n != 2 {
		t.Errorf("flights are in %d objects", n)
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
			h, err := Decode[Head](bad)
			if err == nil && (h.Term != 1 || h.Checkpoint != 2 || h.Job != "j" || h.Manifest != "m") {
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

func TestOnlyTablesThatNothingReachesMayGo(t *testing.T) {
	listed := []string{"head", "checkpoints/x", "shards/1", "shards/2", "shards/3", "shards/4", "shards/5"}
	got := Unreachable([]*Manifest{sample()}, listed)
	if want := "[shards/4 shards/5]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
