package state

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
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
	if r.Keys != o.Keys || r.LatencyMS != 1 || r.StateBytes < 16*o.Keys || r.TableBytes < o.Keys || len(r.Rows) != 3 {
		t.Fatalf("%+v", r)
	}
	for _, x := range r.Rows {
		if x.Distribution != Uniform || x.OfMemory != x.RecordsPerS/r.Rows[0].RecordsPerS || x.DiskBytes != 0 {
			t.Errorf("%+v", x)
		}
		if min(x.Seconds, x.RecordsPerS, x.CPUS, x.RecordsPerCPUS) <= 0 || x.CacheHitRate < 0 || x.CacheHitRate > 1 {
			t.Errorf("something was not measured: %+v", x)
		}
	}
	memory, job, peer := r.Rows[0], r.Rows[1], r.Rows[2]
	if memory.Variant != InMemory || memory.Records != more*o.Records || memory.HotHitRate != 1 || memory.Waits != 0 {
		t.Errorf("not all was in memory: %+v", memory)
	}
	for _, x := range []Row{job, peer} {
		if x.Ratio != 4 || x.MemoryBytes != r.StateBytes/4 || x.BlockCacheBytes < 1<<20 || x.Records != o.Records {
			t.Errorf("%+v", x)
		}
	}
	if job.Engine != "aquifer" || job.Variant != NoCache || peer.Engine != pebbleEngine {
		t.Errorf("%+v and %+v", job, peer)
	}
	if hot := job.HotHitRate; hot <= 0 || hot >= 0.9 || job.Waits == 0 || job.WaitMaxMS <= 0 {
		t.Errorf("%g of the records found their key in a quarter of the memory: %+v", hot, job)
	}
	left, err := os.ReadDir(temporary)
	if must(t, err); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
}

// loaded is a bench whose state has been loaded, and which has nothing measured.
func loaded(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{o: o, dir: t.TempDir(), progress: t.Output()}
	var err error
	b.r.StateBytes, b.r.TableBytes, err = load(t.Context(), b.in("job"), o.Keys)
	must(t, err)
	return b
}

func TestADiskCacheAnswersInsteadOfTheStore(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := loaded(t, small())
		c := b.cellOf(DiskCache, Uniform, 4)
		c.disk = 64 << 20
		r, err := b.job(t.Context(), c)
		must(t, err)
		if r.Variant != DiskCache || r.DiskBytes != c.disk || r.StoreReads > 0.01 {
			t.Errorf("reads of a state that is on the disk: %+v", r)
		}
		if _, err := os.Stat(b.in("cache")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the cache is left behind: %v", err)
		}
	})
}

func TestTheSameIsMeasuredWithAndWithoutCompactions(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		o := small()
		o.Compaction = true
		b := loaded(t, o)
		must(t, b.compaction(t.Context()))
		if len(b.r.Rows) != 2 || b.r.Rows[0].Variant != Compacting || b.r.Rows[1].Variant != HeldBack {
			t.Fatalf("%+v", b.r)
		}
		on, off := b.r.Rows[0], b.r.Rows[1]
		if off.Compactions != 0 || on.Ratio != 4 || on.MemoryBytes != off.MemoryBytes || min(on.Waits, off.Waits) == 0 {
			t.Errorf("%+v and %+v", on, off)
		}
	})
}

func TestWaitsBesideCompactionsMayBeTwiceAsLong(t *testing.T) {
	for _, c := range []struct {
		on, off, ratio float64
		ok             bool
	}{{30, 20, 1.5, true}, {40, 20, 2, true}, {41, 20, 2.05, false}, {5, 0, 0, false}} {
		var r Report
		r.compare(Row{WaitP99MS: c.on}, Row{WaitP99MS: c.off})
		if r.CompactionRatio != c.ratio || r.CompactionOK != c.ok {
			t.Errorf("%g ms beside compactions, %g without: a ratio of %g, %t", c.on, c.off, r.CompactionRatio, r.CompactionOK)
		}
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
		"cache of -1 times":       func(o *Options) { o.CacheFraction = -1 },
		"cache of NaN times":      func(o *Options) { o.CacheFraction = math.NaN() },
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
	if w.counted(); !w.stop.Wall.IsZero() {
		t.Error("too early")
	}
	w.counted()
	first := w.stop
	if w.counted(); first.Wall.IsZero() || w.stop != first {
		t.Errorf("%v, then %v", first, w.stop)
	}
}
