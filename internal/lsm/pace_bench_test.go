package lsm

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// beside is another shard of the same resources, and tables to ingest again and again.
func beside(b *testing.B, s *Shard) (*Shard, []TableInfo) {
	b.Helper()
	other, err := OpenShard(b.Context(), s.res, "p/2", s.r)
	must(b, err)
	b.Cleanup(func() { must(b, other.Close()) })
	var keys [][]byte
	for i := range 300_000 {
		keys = append(keys, benchKey(uint64(i)))
	}
	slices.SortFunc(keys, func(a, b []byte) int { return slices.Compare(a, b) })
	tables := entries(b, s.res.objects.(*mem.Store), "tables/2", keys)
	must(b, other.Ingest(b.Context(), tables))
	return other, tables
}

// Reads of single keys in the cache, each by a goroutine of its own, beside a task that computes and a compaction.
func BenchmarkReadBesideACompaction(b *testing.B) {
	for name, wanted := range map[string]func() bool{"paced": nil, "unpaced": func() bool { return false }} {
		b.Run(name, func(b *testing.B) {
			s := loaded(b, 500_000, 256<<20)
			s.res.wanted = wanted
			other, tables := beside(b, s)
			ctx, cancel := context.WithCancel(b.Context())
			var group sync.WaitGroup
			group.Go(func() {
				for ctx.Err() == nil {
				}
			})
			group.Go(func() {
				for ctx.Err() == nil {
					_ = other.Ingest(ctx, tables)
					_ = other.db.Compact(ctx, s.r.Start, s.r.End, false)
				}
			})
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				begin, done := time.Now(), make(chan error)
				go func() {
					done <- s.Read(ctx, [][]byte{benchKey(uint64(2 * (i % 500_000)))}, func(int, []byte) error { return nil })
				}()
				must(b, <-done)
				took = append(took, time.Since(begin))
				<-time.After(time.Millisecond)
			}
			cancel()
			group.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(s.res.Paused().Seconds(), "paused-s")
		})
	}
}
