package state

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// small are options of a measurement that takes no time.
func small() Options {
	return Options{
		Keys: 10_000, Records: 2000, Ratios: []float64{4}, Latency: time.Millisecond, Distributions: []string{Uniform},
	}
}

func TestAJobIsMeasuredBesidePebble(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	o := small()
	r, err := Run(t.Context(), o, t.Output())
	must(t, err)
	if r.Keys != o.Keys || r.LatencyMS != 1 || r.StateBytes < 16*o.Keys || len(r.Rows) != 2 {
		t.Fatalf("%+v", r)
	}
	for i, engine := range []string{"aquifer", "pebble"} {
		x := r.Rows[i]
		if x.Engine != engine || x.Distribution != Uniform || x.Ratio != 4 || x.MemoryBytes != r.StateBytes/4 ||
			x.BlockCacheBytes < 1<<20 || x.Records != o.Records {
			t.Errorf("%+v", x)
		}
		if min(x.Seconds, x.RecordsPerS, x.CPUS, x.RecordsPerCPUS) <= 0 || x.CacheHitRate < 0 || x.CacheHitRate > 1 {
			t.Errorf("something was not measured: %+v", x)
		}
	}
	if hot := r.Rows[0].HotHitRate; hot <= 0 || hot >= 0.9 {
		t.Errorf("%g of the records found their key in a quarter of the memory", hot)
	}
	left, err := os.ReadDir(temporary)
	if must(t, err); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
}

func TestAMeasurementEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, small(), t.Output()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"0 keys":                  func(o *Options) { o.Keys = 0 },
		"0 records":               func(o *Options) { o.Records = 0 },
		"ratio 1:":                func(o *Options) { o.Ratios = []float64{4, 1} },
		"nothing to measure":      func(o *Options) { o.Ratios = nil },
		`no distribution "bell":`: func(o *Options) { o.Distributions = []string{"bell"} },
		"latency -1s is negative": func(o *Options) { o.Latency = -time.Second },
	} {
		o := small()
		change(&o)
		_, err := Run(t.Context(), o, t.Output())
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	must(t, small().Check())
}

func TestKeysAreDrawnTheSameEachTimeAndAllOfThemExist(t *testing.T) {
	const keys = 1000
	for _, distribution := range []string{Uniform, Zipf} {
		a, b, times := draw(distribution, keys), draw(distribution, keys), map[int64]int{}
		for range 100_000 {
			k := a()
			if k < 0 || k >= keys || k != b() {
				t.Fatalf("%s: key %d", distribution, k)
			}
			times[k]++
		}
		most := 0
		for _, n := range times {
			most = max(most, n)
		}
		if uneven := most > 10_000; uneven != (distribution == Zipf) || len(times) < keys/2 {
			t.Errorf("%s: %d keys, one of them %d times", distribution, len(times), most)
		}
	}
}

func TestRanksAreScatteredOverTheKeys(t *testing.T) {
	for _, keys := range []int64{1, 2, 1000, 65_537} {
		seen := map[int64]bool{}
		for rank := range keys {
			seen[keyOf(rank, keys)] = true
		}
		if int64(len(seen)) != keys {
			t.Errorf("%d ranks became %d keys", keys, len(seen))
		}
	}
	if d := math.Abs(float64(keyOf(1, 1_000_000) - keyOf(2, 1_000_000))); d < 2 {
		t.Error("neighbours stay neighbours")
	}
}

func TestReadsAtOneTimeWaitAtOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, delay := mem.New(), &atomic.Int64{}
		must(t, inner.PutIfAbsent(t.Context(), "x", []byte("0123")))
		s := remote{inner, delay}
		read := func() { must(t, s.ReadAt(t.Context(), "x", make([]byte, 2), 1)) }
		begin := time.Now()
		if read(); time.Since(begin) != 0 {
			t.Error("it waited before it was said how long")
		}
		delay.Store(int64(20 * time.Millisecond))
		var group sync.WaitGroup
		for range 10 {
			group.Go(read)
		}
		group.Wait()
		if took := time.Since(begin); took != 20*time.Millisecond {
			t.Errorf("ten reads took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := s.ReadAt(ctx, "x", make([]byte, 2), 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// isClosed reports whether a reader would try again.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestTheSourceRestsAtEachStep(t *testing.T) {
	s := newSteps(each(), 5)
	b := &flow.Batch[int64]{Rows: make([]int64, 0, 3)}
	read := func(want flow.Status, rows int) {
		t.Helper()
		b.Reset()
		if got, err := s.Read(t.Context(), b); err != nil || got != want || len(b.Rows) != rows {
			t.Errorf("%v, %v with %v", got, err, b.Rows)
		}
	}
	read(flow.More, 3)
	if !isClosed(s.Ready()) {
		t.Error("it rests before the step")
	}
	read(flow.More, 2)
	read(flow.Wait, 0)
	resting := s.Ready()
	if isClosed(resting) {
		t.Error("it does not rest")
	}
	s.raise(6)
	if !isClosed(resting) || !isClosed(s.Ready()) || s.allowed() != 6 {
		t.Error("it rests after the limit was raised")
	}
	read(flow.More, 1)
	if b.Rows[0] != 5 {
		t.Errorf("it goes on with %d", b.Rows[0])
	}
}

func TestARowIsWhatTheMetricsHaveGrownBy(t *testing.T) {
	sample := func(name, tier string, value float64) aquifer.Sample {
		return aquifer.Sample{Name: name, Labels: []metric.Label{{Name: "tier", Value: tier}}, Value: value}
	}
	at := func(hot, cache, store, requests, bytes float64) []aquifer.Sample {
		return []aquifer.Sample{
			sample(metric.StateHits, metric.Hot, hot), sample(metric.StateHits, metric.Cache, cache),
			sample(metric.StateHits, metric.Store, store), {Name: metric.StateRequests, Value: requests},
			{Name: metric.ObjectReadBytes, Value: bytes}, {Name: metric.BlockLimit, Value: 8},
		}
	}
	o, took := Options{Records: 1000}, spent{2 * time.Second, time.Second}
	got := rowOf(cell{Zipf, 4, 100}, o, took, at(10, 20, 30, 40, 50), at(510, 120, 430, 540, 4050))
	want := Row{
		Engine: "aquifer", Distribution: Zipf, Ratio: 4, MemoryBytes: 100, BlockCacheBytes: 8, Records: 1000,
		Seconds: 2, RecordsPerS: 500, CPUS: 1, RecordsPerCPUS: 1000,
		HotHitRate: 0.5, CacheHitRate: 0.2, ColdPer1000: 400, ObjectReads: 0.5, ObjectBytes: 4,
	}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if share(0, 0) != 0 || share(3, 1) != 0.75 {
		t.Error("shares")
	}
}

func TestTheTableHasALineForEachRow(t *testing.T) {
	var b bytes.Buffer
	Report{Keys: 10, StateBytes: 1 << 20, LatencyMS: 20, Rows: []Row{
		{Engine: "aquifer", Distribution: Zipf, Ratio: 4, MemoryBytes: 1 << 18, RecordsPerS: 100, HotHitRate: 0.5,
			ObjectReads: 0.1},
		{Engine: "pebble", Distribution: Zipf, Ratio: 4, MemoryBytes: 1 << 18, RecordsPerS: 200, CacheHitRate: 0.25},
	}}.Print(&b)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	for i, want := range map[int]string{
		0: "10 keys, 1.0 MiB of state; reads of objects take 20 ms",
		3: "zipf 4 0.2 aquifer 100 0 50.0 % 0.0 % 0.0 0.100",
		4: "zipf 4 0.2 pebble 200 0 - 25.0 % 0.0 -",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestThePeerCountsAsTheJobDoes(t *testing.T) {
	dir := t.TempDir()
	must(t, loadPeer(t.Context(), dir, 100))
	p, err := openPeer(dir, 1<<20)
	must(t, err)
	must(t, p.countAll(t.Context(), each(), 50))
	for key, want := range map[byte]byte{0: 2, 49: 2, 50: 1, 99: 1} {
		v, closer, err := p.db.Get([]byte{0, 0, 0, 0, 0, 0, 0, key})
		if must(t, err); v[0] != want {
			t.Errorf("key %d was counted %d times, want %d", key, v[0], want)
		}
		must(t, closer.Close())
	}
	must(t, p.close())
}

func TestARecordCountIsNotedWhenItIsReached(t *testing.T) {
	w := &watch{}
	w.counted()
	w.at.Store(3)
	if w.counted(); !w.stop.wall.IsZero() {
		t.Error("too early")
	}
	w.counted()
	first := w.stop
	if w.counted(); first.wall.IsZero() || w.stop != first {
		t.Errorf("%v, then %v", first, w.stop)
	}
}
