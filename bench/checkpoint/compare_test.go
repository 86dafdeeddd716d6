package checkpoint

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	for s, want := range map[string]int64{"10MB": 1e7, "1 gb": 1e9, "1.5KB": 1500, "7B": 7} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "10", "GB", "-1MB", "1e9GB", "NaNMB"} {
		if _, err := parseSize(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
	if got := showSize(1_500_000); got != "1.5 MB" {
		t.Error(got)
	}
}

func TestTheLargestStateIsComparedWithTheSmallest(t *testing.T) {
	s := Scale{Rows: []Row{
		{DurationS: 1, MedianPauseS: 2, ChangedBytes: 100}, {DurationS: 50}, {DurationS: 1.5, MedianPauseS: 2, ChangedBytes: 105},
	}}
	goals := s.compare()
	if len(goals) != 3 || goals[0].OK || goals[0].Value != 1.5 || !goals[1].OK || !goals[2].OK || s.BytesRatio != 1.05 {
		t.Errorf("%+v", goals)
	}
}

func TestARestoreIsFlatByRatioOrByDifference(t *testing.T) {
	for _, c := range []struct {
		small, large float64
		ok           bool
	}{{1, 1.2, true}, {1, 1.21, false}, {0.01, 0.05, true}, {0.01, 0.07, false}} {
		if g := comesBack("x", c.small, c.large); g.OK != c.ok {
			t.Errorf("%+v: %+v", c, g)
		}
	}
}

func TestAPauseIsFlatByRatioOrByAFewMicroseconds(t *testing.T) {
	for _, c := range []struct {
		small, large float64
		ok           bool
	}{{6e-6, 7.5e-6, true}, {6e-6, 54e-6, true}, {6e-6, 57e-6, false}, {1e-3, 1.09e-3, true}, {1e-3, 1.2e-3, false}} {
		s := Scale{Rows: []Row{{MedianPauseS: c.small}, {MedianPauseS: c.large}}}
		if g := s.compare()[1]; g.OK != c.ok || math.Abs(g.Value-c.large/c.small) > 1e-9 {
			t.Errorf("%+v: %+v", c, g)
		}
	}
}

func TestWhatIsCopiedByAnyRestoreMissesItsGoal(t *testing.T) {
	row := RestoreRow{FirstS: 1, FullS: 1}
	r := Restores{Rows: []RestoreRow{row, row, row, row, row, row}}
	if g := r.compare(); len(g) != 7 || !g[0].OK {
		t.Errorf("%+v", g)
	}
	r.Rows[4].CopiedObjects = 1
	if g := r.compare(); g[0].OK || !g[1].OK {
		t.Errorf("%+v", g)
	}
}

func TestRestoresAreMediansOfTimesAndTheMostOfWhatIsCounted(t *testing.T) {
	got := medianRestore([]RestoreRow{
		{StartedS: 1, FirstS: 5, FullS: 9, Requests: 3}, {StartedS: 3, FirstS: 6, FullS: 7, RecordReads: 8},
		{StartedS: 2, FirstS: 4, FullS: 8, CopiedObjects: 1, CopiedBytes: 2},
	})
	want := RestoreRow{StartedS: 2, FirstS: 5, FullS: 8, Requests: 3, RecordReads: 8, CopiedObjects: 1, CopiedBytes: 2}
	if got != want {
		t.Errorf("%+v", got)
	}
}

func TestPairsAreComparedOneByOne(t *testing.T) {
	toll := &Toll{IntervalS: 1}
	toll.compare(
		[]Pace{{RecordsPerS: 90, CPUNS: 11}, {RecordsPerS: 99, CPUNS: 10}, {RecordsPerS: 50, CPUNS: 12}},
		[]Pace{{RecordsPerS: 100, CPUNS: 10}, {RecordsPerS: 100, CPUNS: 10}, {RecordsPerS: 50, CPUNS: 10}},
	)
	if toll.Ratio != 0.99 || toll.CPURatio != 1.1 || toll.With.RecordsPerS != 90 || toll.Without.CPUNS != 10 ||
		toll.CPUShare <= 0 {
		t.Errorf("%+v", toll)
	}
}

func TestFullSpeedIsTheBeginOfTheFirstWindowWithEnough(t *testing.T) {
	w := newWitness(nil)
	w.begin = time.Now().Add(-2 * time.Second)
	if _, ok := w.fullSpeed(1); ok {
		t.Error("nothing has been processed")
	}
	for i := 40; i < 200; i++ {
		w.ticks[i].Store(10) // 1000 records a second after 0.4 s
	}
	for least, want := range map[float64]float64{1000: 0.4, 500: 0.15} {
		if got, ok := w.fullSpeed(least); !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%g a second at %v, %v; want %v", least, got, ok, want)
		}
	}
	if _, ok := w.fullSpeed(1001); ok {
		t.Error("more than there was")
	}
}

func TestTheFirstRecordWithStateIsToldOnce(t *testing.T) {
	told := 0
	w := newWitness(func() { told++ })
	for _, found := range []bool{false, true, true} {
		w.saw(found)
	}
	if told != 1 || w.n.Load() != 3 {
		t.Errorf("told %d times of %d records", told, w.n.Load())
	}
}

func TestWhatIsWrittenIsACopyUnlessACompactionWritesIt(t *testing.T) {
	var all tally
	s := all.wrap(mem.New())
	write := func(ctx context.Context, name string) {
		w, err := s.Create(ctx, name)
		must(t, err)
		_, err = w.Write([]byte("12345"))
		must(t, err)
		must(t, w.Finish())
	}
	write(objstore.For(t.Context(), objstore.Compaction), "merged")
	if all.objects.Load() != 0 || all.bytes.Load() != 0 {
		t.Error("a compaction counts")
	}
	write(t.Context(), "copied")
	must(t, s.ReadAt(t.Context(), "copied", make([]byte, 1), 0))
	if all.objects.Load() != 1 || all.bytes.Load() != 5 || all.recordReads() != 1 || all.requests() != 7 {
		t.Errorf("%d objects, %d bytes, %d reads, %d requests",
			all.objects.Load(), all.bytes.Load(), all.recordReads(), all.requests())
	}
}

func TestABurstComesWhenItIsAskedForAndOnce(t *testing.T) {
	b := newBursts(7, 5)
	batch := &flow.Batch[int64]{Rows: make([]int64, 0, 3)}
	seen := map[int64]bool{}
	for i, want := range []flow.Status{flow.Wait, flow.More, flow.More, flow.Wait} {
		if batch.Reset(); i == 1 {
			b.give()
		}
		if got, err := b.Read(t.Context(), batch); err != nil || got != want {
			t.Errorf("read %d: %v, %v", i, got, err)
		}
		for _, k := range batch.Rows {
			seen[k] = true
		}
	}
	<-b.given
	if len(seen) != 5 {
		t.Errorf("%v", seen)
	}
}

func TestASpreadSourceWaitsUntilItsJobIsAtRestAndThenGivesEachKeyAgain(t *testing.T) {
	const keys = 1000
	p := newSpread(keys, 1_000_000_000)
	o := newObserver(p, 1)
	batch := &flow.Batch[int64]{Rows: make([]int64, 0, keys)}
	read := func() (seen map[int64]bool) {
		seen = map[int64]bool{}
		batch.Reset()
		_, err := p.Read(t.Context(), batch)
		must(t, err)
		for _, k := range batch.Rows {
			seen[k] = true
		}
		return seen
	}
	all := read()
	if len(all) != keys || len(read()) != 0 {
		t.Fatalf("%d keys", len(all))
	}
	for i, bytes := range []int64{5, 0, 0, 5, 0, 0, 0} {
		if o.hear(aquifer.CheckpointStored{Bytes: 10, NewBytes: bytes}); p.loaded.Load() != (i == 6) {
			t.Fatalf("checkpoint %d: at rest: %v", i, p.loaded.Load())
		}
	}
	p.begin = time.Now().Add(-time.Second)
	again := read()
	for k := range again {
		if !all[k] {
			t.Errorf("%d is no key", k)
		}
	}
	if len(again) != keys {
		t.Errorf("%d keys again", len(again))
	}
}

func TestAJobThatGoesOnBeginsWithOneRecord(t *testing.T) {
	p := newSpread(1000, 1_000_000).full()
	batch := &flow.Batch[int64]{Rows: make([]int64, 0, 100)}
	if _, err := p.Read(t.Context(), batch); err != nil || len(batch.Rows) != 1 {
		t.Errorf("%d rows, %v", len(batch.Rows), err)
	}
}

func TestAReportForPeopleHasEachPartAndItsGoals(t *testing.T) {
	r := Report{
		Rows: []Row{{}}, Sizes: &Scale{Rows: []Row{{StateBytes: 1 << 20}}}, Cost: &Toll{},
		Restore: &Restores{Rows: []RestoreRow{{From: 2, To: 4}}}, Drain: &Drained{InFlight: 6000}, Throttled: &Throttled{},
		Goals: []measure.Goal{measure.AtMost(Sizes, "bytes", 2, 1.1), measure.AtMost(Restore, "copies", 0, 0)},
	}
	var b bytes.Buffer
	r.Print(&b)
	for _, want := range []string{"merged KiB", "bytes: 2 (wanted ≤ 1.1: MISSED)", "2 → 4", "copies: 0 (wanted ≤ 0: ok)",
		"6000 records in flight", "As fast as it can", "Without the throttle"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %s", want, b.String())
		}
	}
}

func TestWhatOvertakesIsComparedWithAFreeCheckpointAndTheWritingOfItsBytes(t *testing.T) {
	x := Throttled{FreeS: 0.004, AlignedS: 0.5, UnalignedS: 0.01, OvertakenBytes: 2 << 20, BytesPerS: 1 << 30}
	x.compare()
	if x.Speedup != 50 || x.ByBound < 1.67 || x.ByBound > 1.69 {
		t.Errorf("%+v", x)
	}
	for _, g := range x.goals() {
		if !g.OK {
			t.Errorf("%+v", g)
		}
	}
	x.UnalignedS = 0.03
	x.compare()
	for _, g := range x.goals() {
		if g.OK {
			t.Errorf("%+v", g)
		}
	}
}

func TestTheDiskIsFasterThanNothing(t *testing.T) {
	if b, err := bandwidth(); err != nil || b <= 0 {
		t.Errorf("%v bytes a second, %v", b, err)
	}
}
