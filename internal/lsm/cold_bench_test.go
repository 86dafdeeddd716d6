package lsm

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// far returns a shard of n entries of 100 bytes over a distant store, with room in memory for indexes, filters and
// few blocks.
func far(b *testing.B, n, readers int) (*distant, *Shard) {
	b.Helper()
	store := mem.New()
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = benchKey(uint64(i))
	}
	slices.SortFunc(keys, slices.Compare)
	tables := entries(b, store, "tables/1", keys)
	d := &distant{Store: store}
	res, err := NewResources(d, 16<<20, readers, 1)
	must(b, err)
	b.Cleanup(res.Close)
	s, err := OpenShard(b.Context(), res, "p/1", Range{[]byte{0}, []byte{0xff}})
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	must(b, s.Ingest(b.Context(), tables))
	must(b, s.Warm(b.Context()))
	return d, s
}

// cpu is what the process has computed so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// live is the memory of stacks, and of the objects that the last collection left.
func live() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() + samples[1].Value.Uint64()
}

// Keys that are in no cache, some thousand of them at a time.
func BenchmarkColdReads(b *testing.B) {
	const entries = 2 << 20
	d, s := far(b, entries, coldReaders)
	for _, latency := range []time.Duration{70 * time.Microsecond, 20 * time.Millisecond, 200 * time.Millisecond} {
		for _, flying := range []int{64, 1024, 8192} {
			for _, group := range []int{1, 1000} {
				name := fmt.Sprintf("latency=%v/keys=%d/group=%d", latency, flying, group)
				b.Run(name, func(b *testing.B) {
					d.latency.Store(int64(latency))
					callers := max(1, flying/group)
					manyColdReads(b, d, s, entries, callers, min(group, flying))
				})
			}
		}
	}
	d.latency.Store(0)
}

// coldReaders is how many readers a process has that has no bound on memory.
const coldReaders = 1024

func manyColdReads(b *testing.B, d *distant, s *Shard, entries, callers, group int) {
	var left, found atomic.Int64
	left.Store(int64(b.N))
	runtime.GC()
	base, most := live(), uint64(0)
	d.forget()
	b.ReportAllocs()
	b.ResetTimer()
	used := cpu()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), uint64(b.N)))
			for {
				n := min(int64(group), left.Add(-int64(group))+int64(group))
				if n <= 0 {
					return
				}
				keys := make([][]byte, n)
				for i := range keys {
					keys[i] = benchKey(rng.Uint64N(uint64(entries)))
				}
				slices.SortFunc(keys, slices.Compare)
				keys = slices.CompactFunc(keys, slices.Equal)
				if err := s.Read(b.Context(), keys, func(int, []byte) error { found.Add(1); return nil }); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, live())
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	wg.Wait()
	close(stop)
	watch.Wait()
	used = cpu() - used
	n := float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "reads/s")
	b.ReportMetric(float64(used.Microseconds())/n, "cpu-µs/read")
	b.ReportMetric(float64(d.reads.Load())/n, "requests/read")
	b.ReportMetric(float64(d.most.Load()), "flying")
	b.ReportMetric(float64(int64(most)-int64(base))/float64(mib), "MB-heap")
	b.ReportMetric(float64(most-min(most, base))/1024/float64(max(1, d.most.Load())), "KB/flying")
	b.ReportMetric(0, "ns/op")
}
