package record

import (
	"fmt"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

const benchKeys = 1024

func benchHash[K comparable](b *testing.B, key func(i int) K) {
	c, err := NewKeyCodec[K]()
	if err != nil {
		b.Fatal(err)
	}
	keys, hashes := make([]K, benchKeys), make([]uint64, benchKeys)
	for i := range keys {
		keys[i] = key(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Hash(keys, hashes)
	}
	perKey(b, benchKeys)
}

func perKey(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/key")
}

type pairKey struct{ A, B int64 }

type mixedKey struct {
	Tenant uint32
	Name   string
}

func BenchmarkKeyHash(b *testing.B) {
	b.Run("int64", func(b *testing.B) { benchHash(b, func(i int) int64 { return int64(i) * 977 }) })
	b.Run("uint32", func(b *testing.B) { benchHash(b, func(i int) uint32 { return uint32(i) * 977 }) })
	b.Run("pair", func(b *testing.B) {
		benchHash(b, func(i int) pairKey { return pairKey{int64(i), int64(-i)} })
	})
	b.Run("string12", func(b *testing.B) {
		benchHash(b, func(i int) string { return fmt.Sprintf("user-%07d", i) })
	})
	b.Run("mixed", func(b *testing.B) {
		benchHash(b, func(i int) mixedKey { return mixedKey{uint32(i), fmt.Sprintf("user-%07d", i)} })
	})
	b.Run("bytes16", func(b *testing.B) {
		benchHash(b, func(i int) [16]byte { return [16]byte{byte(i), 15: byte(i >> 8)} })
	})
}

func BenchmarkKeyAppendAndDecode(b *testing.B) {
	c, err := NewKeyCodec[pairKey]()
	if err != nil {
		b.Fatal(err)
	}
	key, buf := pairKey{-7, 1 << 40}, make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = c.Append(buf[:0], &key)
		if key, _, err = c.Decode(buf); err != nil {
			b.Fatal(err)
		}
	}
	perKey(b, 1)
}

type eventRow struct {
	A, B, C, D, E, F, G, H, I, J, K int64
}

func BenchmarkPoolPutAndGet(b *testing.B) {
	fill := func(batch *flow.Batch[eventRow]) {
		batch.Rows, batch.Times = batch.Rows[:DefaultBatch], batch.Times[:DefaultBatch]
	}
	b.Run("pool", func(b *testing.B) {
		p := NewPool[eventRow]()
		for b.Loop() {
			batch := p.Get(DefaultBatch)
			fill(batch)
			p.Put(batch)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/DefaultBatch, "ns/row")
	})
	b.Run("cleared", func(b *testing.B) {
		batch := NewPool[eventRow]().Get(DefaultBatch)
		for b.Loop() {
			fill(batch)
			batch.Reset()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/DefaultBatch, "ns/row")
	})
}

func BenchmarkValue(b *testing.B) {
	benchValue(b, "threeWords", threeWords{1700000000000, -5, 300})
	benchValue(b, "threeLargeWords", threeWords{1 << 61, -1 << 61, 1 << 55})
	benchValue(b, "nameAndCount", struct {
		Name  string
		Count int64
	}{"user-1234567", 42})
	benchValue(b, "mapOf4", map[string]int64{"a": 1, "b": 2, "c": 3, "d": 4})
}

func benchValue[V any](b *testing.B, name string, v V) {
	c := valueCodec[V](b)
	buf := make([]byte, 0, 256)
	b.Run("append/"+name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = c.Append(buf[:0], &v)
		}
		b.ReportMetric(float64(len(buf)), "bytes")
		perKey(b, 1)
	})
	b.Run("decode/"+name, func(b *testing.B) {
		b.ReportAllocs()
		buf = c.Append(buf[:0], &v)
		for b.Loop() {
			if err := c.Decode(buf, &v); err != nil {
				b.Fatal(err)
			}
		}
		perKey(b, 1)
	})
}
