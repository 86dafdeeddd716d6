package lsm

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// benchKey spreads numbers over keys of 16 bytes; even numbers are present.
func benchKey(n uint64) []byte {
	k := make([]byte, 16)
	binary.BigEndian.PutUint64(k, n*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(k[8:], n)
	k[0] |= 0x40
	k[0] &= 0x7f
	return k
}

// loaded returns a shard with n entries of 100 bytes, in one level.
func loaded(b *testing.B, n int, blockCache int64) *Shard {
	b.Helper()
	store := mem.New()
	res, err := NewResources(store, blockCache, 64, 2)
	must(b, err)
	b.Cleanup(res.Close)
	s, err := OpenShard(b.Context(), res, "p/1", Range{[]byte{0}, []byte{0xff}})
	must(b, err)
	b.Cleanup(func() { must(b, s.Close()) })
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = benchKey(uint64(2 * i))
	}
	slices.SortFunc(keys, func(a, b []byte) int { return slices.Compare(a, b) })
	must(b, s.Ingest(b.Context(), entries(b, store, "tables/1", keys)))
	compact(b, s)
	return s
}

func entries(b *testing.B, store *mem.Store, name string, keys [][]byte) []TableInfo {
	b.Helper()
	part := 0
	set := NewTableSet(b.Context(), store, func() string { part++; return fmt.Sprintf("%s.%d", name, part) })
	value := make([]byte, 100)
	for _, k := range keys {
		for i := range value {
			value[i] = k[i%16] + byte(i)
		}
		must(b, set.Set(k, value))
	}
	tables, err := set.Finish()
	must(b, err)
	return tables
}

// Groups of 1,000 keys out of 4 M entries whose blocks are in the cache.
func BenchmarkRead(b *testing.B) {
	const entries, group = 4 << 20, 1000
	s := loaded(b, entries, 2<<30)
	must(b, s.Scan(b.Context(), s.r, func(_, _ []byte) error { return nil }))
	b.Logf("%+v", s.Metrics())
	for _, odd := range []uint64{0, 1} {
		b.Run([]string{"present", "absent"}[odd], func(b *testing.B) {
			var groups [][][]byte
			for g := range 50 {
				var keys [][]byte
				for i := range group {
					n := uint64(g*group+i) * 0x9E3779B97F4A7C15 >> 42 // below 4 M
					keys = append(keys, benchKey(2*n+odd))
				}
				slices.SortFunc(keys, func(a, b []byte) int { return slices.Compare(a, b) })
				groups = append(groups, slices.CompactFunc(keys, func(a, b []byte) bool { return slices.Equal(a, b) }))
			}
			n, hits, i := 0, 0, 0
			for b.Loop() {
				keys := groups[i%len(groups)]
				i++
				n += len(keys)
				must(b, s.Read(b.Context(), keys, func(int, []byte) error { hits++; return nil }))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/key")
			b.ReportMetric(float64(hits)/float64(n), "hits/key")
		})
	}
}

// Tables of 10 MB are written, then taken in by reference.
func BenchmarkIngest(b *testing.B) {
	const n = 85_000
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = benchKey(uint64(i))
	}
	slices.SortFunc(keys, func(a, b []byte) int { return slices.Compare(a, b) })
	store := mem.New()
	tables := entries(b, store, "tables/1", keys)
	res, err := NewResources(store, 64<<20, 64, 2)
	must(b, err)
	defer res.Close()
	s, err := OpenShard(b.Context(), res, "p/1", Range{[]byte{0}, []byte{0xff}})
	must(b, err)
	defer func() { must(b, s.Close()) }()
	for b.Loop() {
		must(b, s.Ingest(b.Context(), tables))
	}
	b.ReportMetric(float64(tables[0].Bytes), "B/table")
}

// Four tables of the same keys are merged into one level.
func BenchmarkCompact(b *testing.B) {
	const n = 250_000
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = benchKey(uint64(i))
	}
	slices.SortFunc(keys, func(a, b []byte) int { return slices.Compare(a, b) })
	store := mem.New()
	var tables []TableInfo
	for i := range 4 {
		tables = append(tables, entries(b, store, fmt.Sprint("tables/", i), keys)...)
	}
	res, err := NewResources(store, 64<<20, 64, 2)
	must(b, err)
	defer res.Close()
	prefix := 0
	for b.Loop() {
		prefix++
		s, err := OpenShard(b.Context(), res, fmt.Sprint("p/", prefix), Range{[]byte{0}, []byte{0xff}})
		must(b, err)
		must(b, s.Ingest(b.Context(), tables))
		compact(b, s)
		must(b, s.Close())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(4*n*prefix), "ns/entry")
}
