package checkpoint

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// measured are the parts of a quick report. Nothing of it is left behind.
func measured(t *testing.T, o Options, parts ...string) Report {
	t.Helper()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	o.Only = parts
	r, err := Run(t.Context(), o, t.Output())
	must(t, err)
	left, err := os.ReadDir(temporary)
	if must(t, err); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
	return r
}

func TestOnlyThePartsAskedForAreMeasured(t *testing.T) {
	o := quick()
	o.Seconds = 0.01
	r := measured(t, o, Cost)
	if len(r.Rows) > 0 || r.Sizes != nil || r.Restore != nil || r.Drain != nil || r.Throttled != nil {
		t.Errorf("%+v", r)
	}
	c := r.Cost
	if c == nil || len(c.Ratios) != 1 || min(c.Ratio, c.With.RecordsPerS, c.Without.RecordsPerS) <= 0 || c.Keys != 250 {
		t.Fatalf("%+v", c)
	}
	if len(r.Goals) != 1 || r.Goals[0].Part != Cost || r.Goals[0].Wanted != 0.97 {
		t.Errorf("%+v", r.Goals)
	}
	var b bytes.Buffer
	if r.Print(&b); strings.Count(b.String(), "\n") != 3 || !strings.Contains(b.String(), "250 keys in memory") {
		t.Errorf("%s", b.String())
	}
}

func TestCheckpointsOfStatesOfAllSizesHaveTheSameChanges(t *testing.T) {
	r := measured(t, quick(), Sizes)
	if r.Sizes == nil || len(r.Sizes.Rows) != 2 || r.Sizes.ChangesPerS != 10_000 || len(r.Goals) != 3 {
		t.Fatalf("%+v", r)
	}
	small, large := r.Sizes.Rows[0], r.Sizes.Rows[1]
	if small.StateBytes >= large.StateBytes || min(small.Checkpoints, large.Checkpoints) != 6 {
		t.Errorf("%+v", r.Sizes)
	}
	for _, x := range r.Sizes.Rows {
		if min(x.DurationS, x.MedianPauseS, float64(x.ChangedBytes)) <= 0 {
			t.Errorf("something was not measured: %+v", x)
		}
	}
}

func TestJobsAreGoneOnWithAtThreeParallelismsAndNothingIsCopied(t *testing.T) {
	o := quick()
	o.Checkpoints = 1
	r := measured(t, o, Restore)
	if r.Restore == nil || len(r.Restore.Rows) != 6 || r.Restore.RatePerS != 1000 || len(r.Goals) != 7 {
		t.Fatalf("%+v", r)
	}
	for i, x := range r.Restore.Rows {
		if x.From != 2 || x.To != []int{2, 1, 4}[i%3] || x.CopiedObjects != 0 || x.CopiedBytes != 0 {
			t.Errorf("%+v", x)
		}
		if x.StartedS <= 0 || x.FirstS < x.StartedS || x.FullS < x.FirstS || x.Requests <= x.RecordReads || x.RecordReads == 0 {
			t.Errorf("something was not measured: %+v", x)
		}
	}
	if r.Restore.Rows[0].TableBytes >= r.Restore.Rows[3].TableBytes {
		t.Errorf("%+v", r.Restore.Rows)
	}
	if !r.Goals[0].OK {
		t.Errorf("%+v", r.Goals[0])
	}
}

func TestABarrierWaitsForRecordsInFlightOrSavesThem(t *testing.T) {
	o := quick()
	o.InFlight, o.Latency = 300, 50*time.Millisecond
	r := measured(t, o, Drain)
	d := r.Drain
	if d == nil || d.InFlight != 300 || d.LatencyMS != 50 || d.Reads < 50 || d.SavedBytes == 0 || len(r.Goals) != 1 {
		t.Fatalf("%+v", r)
	}
	if d.AlignedS < 0.02 || min(d.UnalignedS, d.IdleS) <= 0 || d.Speedup != d.AlignedS/d.UnalignedS {
		t.Errorf("%+v", d)
	}
}

func TestAReportIsOneJSONObjectAndHasTheFieldsItAlwaysHad(t *testing.T) {
	r := Report{
		RatePerS: 7, Rows: []Row{{IntervalS: 1}}, Throttled: &Throttled{RatePerS: 9},
		Goals: []measure.Goal{measure.AtMost(Sizes, "this", 1, 2)},
	}
	encoded, err := json.Marshal(r)
	must(t, err)
	for _, want := range []string{
		`"rate_per_s":7,"ratio":0,"wanted_ratio":0,"pause_ratio":0,"rows":[{"interval_s":1,"state_bytes":0,`,
		`"throttled":{"rate_per_s":9,"free_s":0,"aligned_s":0,"unaligned_s":0,"speedup":0,"wanted_speedup":0,`,
		`"goals":[{"part":"sizes","what":"this","value":1,"wanted":2,"ok":true}]`,
	} {
		if !strings.Contains(string(encoded), want) {
			t.Errorf("no %s in %s", want, encoded)
		}
	}
	if strings.Contains(string(encoded), "drain") {
		t.Errorf("a part that was not measured: %s", encoded)
	}
}
