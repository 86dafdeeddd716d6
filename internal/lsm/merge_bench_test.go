package lsm

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// Twenty tables of the same range are merged, in a store whose reads take 20 ms. Pebble reads 8 MB of each input at a
// time, or the table as a whole if it is smaller: its size decides on the memory.
func BenchmarkMemoryOfACompaction(b *testing.B) {
	const tables, entryBytes = 20, 1000
	for _, size := range []int{1 << 20, 4 << 20, 12 << 20} {
		b.Run(fmt.Sprintf("tables=%d/MB=%d", tables, size>>20), func(b *testing.B) {
			d := &distant{Store: mem.New()}
			random := rand.NewChaCha8([32]byte{1})
			var infos []TableInfo
			key, value := make([]byte, 8), make([]byte, entryBytes)
			for t := range tables {
				set := NewTableSet(b.Context(), d, func() string { return fmt.Sprint("tables/", t) })
				for i := range size / entryBytes {
					binary.BigEndian.PutUint64(key, uint64(i*tables+t)|1<<62)
					_, _ = random.Read(value)
					must(b, set.Set(key, value))
				}
				done, err := set.Finish()
				must(b, err)
				infos = append(infos, done...)
			}
			res, err := NewResources(d, 16*mib, 64, 1)
			must(b, err)
			defer res.Close()
			res.tune = quiet
			n := 0
			var most uint64
			for b.Loop() {
				b.StopTimer()
				n++
				s, err := OpenShard(b.Context(), res, fmt.Sprint("p/", n), Range{[]byte{0}, []byte{0xff}})
				must(b, err)
				for _, info := range infos {
					must(b, s.Ingest(b.Context(), []TableInfo{info}))
				}
				runtime.GC()
				runtime.GC()
				before, peak := used(), watch()
				d.latency.Store(int64(20 * time.Millisecond))
				b.StartTimer()
				compact(b, s)
				b.StopTimer()
				most = max(most, peak()-before-uint64(s.Metrics().CompactionOut)) // the store has that in memory
				d.latency.Store(0)
				must(b, s.Close())
				b.StartTimer()
			}
			b.ReportMetric(float64(most)/mib, "MB-peak")
			b.ReportMetric(float64(n*tables*size)/mib/b.Elapsed().Seconds(), "MB/s")
		})
	}
}

// used is the memory of objects, garbage among them.
func used() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// watch looks at the memory in use until the returned function is called, which returns the most there was.
func watch() (peak func() uint64) {
	stop := make(chan struct{})
	var most uint64
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, used())
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	return func() uint64 { close(stop); group.Wait(); return most }
}
