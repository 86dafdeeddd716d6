package state

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/metric"
)

func TestAJobRestsWhenNoKeyWaitsForItsState(t *testing.T) {
	for _, c := range []struct {
		looked, flying float64
		want           bool
	}{{9, 0, false}, {10, 1, false}, {10, 0, true}} {
		m := []aquifer.Sample{{Name: metric.StateLookups, Value: c.looked}, {Name: metric.RowsInFlight, Value: c.flying}}
		if rests(m, 10) != c.want {
			t.Errorf("%+v", c)
		}
	}
}

func TestARowIsWhatTheMetricsHaveGrownBy(t *testing.T) {
	sample := func(name, tier string, value float64) aquifer.Sample {
		return aquifer.Sample{Name: name, Labels: []metric.Label{{Name: "tier", Value: tier}}, Value: value}
	}
	at := func(hot, cache, store, requests, bytes, disk, compactions float64, reads measure.Reads) moment {
		return moment{[]aquifer.Sample{
			sample(metric.StateHits, metric.Hot, hot), sample(metric.StateHits, metric.Cache, cache),
			sample(metric.StateHits, metric.Store, store), {Name: metric.StateRequests, Value: requests},
			{Name: metric.ObjectReadBytes, Value: bytes}, {Name: metric.BlockLimit, Value: 8},
			{Name: metric.DiskHits, Value: disk}, {Name: metric.Compactions, Value: compactions},
			{Name: metric.CompactionWritten, Value: 10 * compactions}, {Name: metric.L0Depth, Value: compactions},
		}, reads}
	}
	o, took := Options{Records: 1000}, measure.Spent{Wall: 2 * time.Second, CPU: time.Second}
	c := cell{DiskCache, Zipf, 4, 100, 50}
	got := rowOf(c, o, took, at(10, 20, 30, 40, 50, 60, 1, measure.Reads{100, 0, 10, 5}),
		at(510, 120, 430, 540, 4050, 160, 3, measure.Reads{400, 7, 60, 9}))
	want := Row{
		Engine: "aquifer", Distribution: Zipf, Ratio: 4, MemoryBytes: 100, BlockCacheBytes: 8, Records: 1000,
		Seconds: 2, RecordsPerS: 500, CPUS: 1, RecordsPerCPUS: 1000,
		HotHitRate: 0.5, CacheHitRate: 0.2, ColdPer1000: 400, ObjectReads: 0.5, ObjectBytes: 4,
		Variant: DiskCache, DiskBytes: 50, StoreReads: 0.3, CompactionReads: 0.05, DiskHits: 0.1,
		Compactions: 2, CompactionBytes: 20, L0Depth: 3,
	}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if share(0, 0) != 0 || share(3, 1) != 0.75 {
		t.Error("shares")
	}
}

// waited are the samples of a job whose subtasks have waited so long.
func waited(subtasks ...[]time.Duration) (all []aquifer.Sample) {
	for i, times := range subtasks {
		var t metric.Times
		for _, took := range times {
			t.Add(took)
		}
		labels := []metric.Label{{Name: "operator", Value: "count"}, {Name: "subtask", Value: string(rune('0' + i))}}
		all = append(all, t.Samples(metric.StateWait, labels)...)
		all = append(all, aquifer.Sample{Name: metric.StateWaitMax, Labels: labels, Value: t.Max().Seconds()})
	}
	return all
}

func TestWaitsAreThoseOfAllSubtasksSinceTheBegin(t *testing.T) {
	const ms = time.Millisecond
	before := waited([]time.Duration{2 * ms, time.Minute}, nil)
	after := waited([]time.Duration{2 * ms, time.Minute, 15 * ms}, []time.Duration{20 * ms, 20 * ms, 60 * ms})
	var r Row
	r.wait(before, after)
	if r.Waits != 4 || r.WaitP50MS != 20 || r.WaitP99MS < 50 || r.WaitP99MS > 100 || r.WaitMaxMS != 60_000 {
		t.Errorf("%+v", r)
	}
}

func TestAQuantileIsNotAboveTheLongestWait(t *testing.T) {
	var r Row
	if r.wait(nil, waited([]time.Duration{26 * time.Millisecond})); r.WaitP50MS != 26 || r.WaitP99MS != 26 {
		t.Errorf("%+v", r)
	}
}

func TestAQuantileIsInterpolatedWithinItsBucket(t *testing.T) {
	histogram := func(upTo ...float64) (all []bucket) {
		for i, n := range upTo {
			all = append(all, bucket{float64(i + 1), n})
		}
		return all
	}
	for _, c := range []struct {
		all         []bucket
		share, want float64
	}{
		{nil, 0.5, 0}, {histogram(0, 0, 0), 0.5, 0},
		{histogram(10, 10, 10), 0.5, 0.5}, {histogram(0, 10, 10), 0.5, 1.5}, {histogram(0, 10, 10), 1, 2},
		{histogram(5, 5, 10, 10), 0.75, 2.5}, {histogram(5, 5, 10, 10), 0.5, 1},
		{histogram(1, 2, 10), 0.99, 2}, // above all bounds
	} {
		if got := quantile(c.all, c.share); got != c.want {
			t.Errorf("%g of %v is %g, want %g", c.share, c.all, got, c.want)
		}
	}
}

func TestWhatIsInMemoryIsCountedOnceBeforeItIsMeasured(t *testing.T) {
	o := Options{Keys: 5, Records: 10}
	memory := cell{variant: InMemory, distribution: Uniform}
	job := cell{variant: NoCache, distribution: Uniform, ratio: 2}
	if memory.warm(o) != 5 || memory.records(o) != 100 || job.warm(o) != 3 || job.records(o) != 10 {
		t.Errorf("%d and %d, %d and %d", memory.warm(o), memory.records(o), job.warm(o), job.records(o))
	}
	next, drawn, other := memory.draw(o), job.draw(o), draw(Uniform, o.Keys)
	for want := range o.Keys {
		if k := next(); k != want {
			t.Errorf("key %d, want %d", k, want)
		}
	}
	for range 100 {
		if a, b, want := next(), drawn(), other(); a != want || b != want {
			t.Fatalf("keys %d and %d, want %d", a, b, want)
		}
	}
}

func TestTheTableHasALineForEachRow(t *testing.T) {
	report := Report{Keys: 10, StateBytes: 1 << 20, TableBytes: 1 << 19, LatencyMS: 20, Rows: []Row{
		{Engine: "aquifer", Variant: InMemory, Distribution: Zipf, RecordsPerS: 1000, OfMemory: 1, HotHitRate: 1},
		{Engine: "aquifer", Variant: DiskCache, Distribution: Zipf, Ratio: 4, MemoryBytes: 1 << 18, RecordsPerS: 100,
			OfMemory: 0.1, HotHitRate: 0.5, ObjectReads: 0.1, DiskHits: 0.07, StoreReads: 0.03,
			WaitP50MS: 20, WaitP99MS: 40.126},
		{Engine: "pebble", Distribution: Zipf, Ratio: 4, MemoryBytes: 1 << 18, RecordsPerS: 200, CacheHitRate: 0.25},
	}}
	lines := func() []string {
		var b bytes.Buffer
		report.Print(&b)
		return strings.Split(strings.TrimSpace(b.String()), "\n")
	}
	all := lines()
	if len(all) != 6 {
		t.Fatalf("%d lines", len(all))
	}
	for i, want := range map[int]string{
		0: "10 keys, 1.0 MiB of state, 0.5 MiB in tables; reads of objects take 20 ms",
		3: "zipf - - aquifer in memory 1000 1.000 0 100.0 % 0.0 % 0.0 0.000 0.000 0.000 0.00 0.00",
		4: "zipf 4 0.2 aquifer disk cache 100 0.100 0 50.0 % 0.0 % 0.0 0.100 0.070 0.030 20.00 40.13",
		5: "zipf 4 0.2 pebble 200 0.000 0 - 25.0 % 0.0 - - - - -",
	} {
		if got := strings.Join(strings.Fields(all[i]), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for ok, want := range map[bool]string{
		true: "1.50 times that without; at most 2: met", false: "at most 2: too much",
	} {
		report.CompactionRatio, report.CompactionOK = 1.5, ok
		if all := lines(); !strings.HasSuffix(all[len(all)-1], want) {
			t.Errorf("%q, want %q", all[len(all)-1], want)
		}
	}
}
