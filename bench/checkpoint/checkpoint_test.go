package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/metric"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quick are options of a measurement that takes half a second.
func quick() Options {
	return Options{
		Short: 20 * time.Millisecond, Long: 40 * time.Millisecond, Small: 10_000, Large: 400_000, Rate: 10_000,
		Checkpoints: 2, Throttle: 50_000, Sizes: []string{"10KB", "100KB"}, Changes: 10_000, Seconds: 0.1, Pairs: 1,
		InFlight: 64, Latency: time.Millisecond,
	}
}

func TestCheckpointsOfThreeJobsAreMeasured(t *testing.T) {
	r := measured(t, quick(), Intervals, Throttle)
	if len(r.Rows) != 3 || r.RatePerS != 10_000 || r.Wanted != 1.5 || min(r.Ratio, r.PauseRatio) <= 0 {
		t.Fatalf("%+v", r)
	}
	for i, interval := range []float64{0.02, 0.02, 0.04} {
		x := r.Rows[i]
		if x.IntervalS != interval || x.Checkpoints != 2 || x.MaxDurationS < x.DurationS || x.MaxPauseS < x.PauseS {
			t.Errorf("%+v", x)
		}
		if min(x.DurationS, x.PauseS, float64(x.StateBytes), float64(x.NewBytes)) <= 0 {
			t.Errorf("something was not measured: %+v", x)
		}
	}
	if r.Rows[0].StateBytes >= r.Rows[1].StateBytes || r.Rows[1].StateBytes != r.Rows[2].StateBytes {
		t.Errorf("states of %d, %d and %d bytes", r.Rows[0].StateBytes, r.Rows[1].StateBytes, r.Rows[2].StateBytes)
	}
	if x := *r.Throttled; x.RatePerS != 50_000 || min(x.FreeS, x.UnalignedS) <= 0 || x.AlignedS < 2*x.UnalignedS ||
		x.OvertakenBytes == 0 || x.Speedup != x.AlignedS/x.UnalignedS || min(x.BytesPerS, x.ByBound) <= 0 {
		t.Errorf("%+v", x)
	}
}

func TestAMeasurementEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, quick(), t.Output()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"intervals of 0s and":  func(o *Options) { o.Short = 0 },
		"and 10ms: the second": func(o *Options) { o.Long = 10 * time.Millisecond },
		"states of 0 and":      func(o *Options) { o.Small = 0 },
		"and 5 bytes: the":     func(o *Options) { o.Large = 5 },
		"0 records a second":   func(o *Options) { o.Rate = 0 },
		"0 checkpoints":        func(o *Options) { o.Checkpoints = 0 },
		"memory -1 bytes":      func(o *Options) { o.Memory = -1 },
		"throttle of 1999":     func(o *Options) { o.Throttle = 1999 },
		`no part "rest"`:       func(o *Options) { o.Only = []string{Cost, "rest"} },
		`size "10 apples"`:     func(o *Options) { o.Sizes = []string{"1KB", "10 apples"} },
		`size "0MB"`:           func(o *Options) { o.Sizes = []string{"0MB", "1MB"} },
		"[1MB]: there must be": func(o *Options) { o.Sizes = []string{"1MB"} },
		"[2MB 1MB]: each must": func(o *Options) { o.Sizes = []string{"2MB", "1MB"} },
		"0 changes a second":   func(o *Options) { o.Changes = 0 },
		"12501 changes a":      func(o *Options) { o.Changes = 12_501 },
		"0 pairs of 0.1":       func(o *Options) { o.Pairs = 0 },
		"1 pairs of 0 sec":     func(o *Options) { o.Seconds = 0 },
		"0 records in flight":  func(o *Options) { o.InFlight = 0 },
		"at reads of 0s":       func(o *Options) { o.Latency = 0 },
	} {
		o := quick()
		change(&o)
		_, err := Run(t.Context(), o, t.Output())
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	must(t, quick().Check())
}

func TestTheSourceGivesEachKeyOnceAndThenKeepsItsRate(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := newPaced(5, 1000)
		b := &flow.Batch[int64]{Rows: make([]int64, 0, 4)}
		read := func(want flow.Status, rows int) {
			t.Helper()
			b.Reset()
			if got, err := p.Read(t.Context(), b); err != nil || got != want || len(b.Rows) != rows {
				t.Errorf("%v, %v with %v; want %v with %d", got, err, b.Rows, want, rows)
			}
		}
		read(flow.More, 4)
		if p.loaded.Load() {
			t.Error("loaded too early")
		}
		read(flow.More, 1)
		if b.Rows[0] != 4 || !p.loaded.Load() {
			t.Errorf("%v, loaded %v", b.Rows, p.loaded.Load())
		}
		read(flow.Wait, 0)
		begin := time.Now()
		<-p.Ready()
		if time.Since(begin) != pause {
			t.Errorf("a wait of %v", time.Since(begin))
		}
		read(flow.More, 4)
		read(flow.More, 1)
		read(flow.Wait, 0)
	})
}

func TestWhatIsMeasuredBeginsWhenTheStateIsThere(t *testing.T) {
	var loaded atomic.Bool
	b := &observer{loaded: &loaded, wanted: 2, stop: make(chan struct{})}
	told := func(ms int) {
		b.hear(aquifer.CheckpointStored{Duration: time.Duration(ms) * time.Millisecond, NewBytes: int64(ms)})
	}
	freezes := func(n float64) {
		b.hear(aquifer.Progress{Metrics: []aquifer.Sample{
			{Name: metric.StateFreezes, Value: n}, {Name: metric.StateFreezeTime, Value: 2 * n},
		}})
	}
	told(1000) // while the keys come
	freezes(1)
	loaded.Store(true)
	told(900)
	told(800)
	freezes(3)
	told(10)
	freezes(4)
	select {
	case <-b.stop:
		t.Fatal("one checkpoint is enough?")
	default:
	}
	told(30)
	<-b.stop
	told(500) // the last of the job
	got := b.row(time.Second, []aquifer.Sample{
		{Name: metric.StateFreezes, Value: 5}, {Name: metric.StateFreezeTime, Value: 12},
		{Name: metric.StateFreezeMax, Value: 4}, {Name: metric.StateMemory, Value: 1000},
	})
	want := Row{
		IntervalS: 1, StateBytes: 1000, Checkpoints: 2, DurationS: 0.02, MaxDurationS: 0.03, NewBytes: 20,
		PauseS: 3, MaxPauseS: 4, MedianPauseS: 3,
	}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTheReportSaysWhetherTheRatioIsAsWanted(t *testing.T) {
	rows := []Row{{
		IntervalS: 1, StateBytes: 3 << 20, Checkpoints: 5, DurationS: 0.25, MaxDurationS: 0.5, PauseS: 2e-6, MaxPauseS: 9e-6,
	}}
	for ratio, want := range map[float64]string{
		1.5:  "1.50 times as long (wanted ≤ 1.5: ok)",
		1.51: "1.51 times as long (wanted ≤ 1.5: MISSED)",
	} {
		var b bytes.Buffer
		Report{RatePerS: 7, Ratio: ratio, Wanted: mostRatio, PauseRatio: 2, Rows: rows}.Print(&b)
		lines := strings.Split(b.String(), "\n")
		if got := strings.Join(strings.Fields(lines[1]), " "); got != "1 s 3.0 5 250.0 500.0 0.0 2 9" {
			t.Errorf("%q", got)
		}
		if !strings.Contains(b.String(), want) || !strings.Contains(b.String(), "makes the pause 2.00 times as long") {
			t.Errorf("%s", b.String())
		}
	}
}
