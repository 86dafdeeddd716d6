package keyed

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

const batchLen = 1024

// discarder counts what is written.
type discarder struct{ entries, bytes int64 }

func (d *discarder) Set(k, v []byte) error {
	d.entries++
	d.bytes += int64(len(k) + len(v))
	return nil
}
func (d *discarder) Delete(k []byte) error         { d.entries++; return nil }
func (d *discarder) DeleteRange(_, _ []byte) error { return nil }

// BenchmarkUpdate adds one to the value of uniformly drawn keys, in batches, beside a Go map.
func BenchmarkUpdate(b *testing.B) {
	for _, keys := range []int64{1_000_000, 20_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			s, err := NewStore[int64](Config{MaxParallelism: 256, Groups: base.KeyGroupRange{End: 256}})
			if err != nil {
				b.Fatal(err)
			}
			c, err := NewColumn[int64](s, "value")
			if err != nil {
				b.Fatal(err)
			}
			update := updater(b, s, c)
			for k := int64(0); k < keys; k += batchLen {
				update(func(i int) int64 { return k + int64(i) })
			}
			rng := rand.New(rand.NewPCG(1, 1))
			m := make(map[int64]int64)
			for k := range keys {
				m[k] = 1
			}
			b.ReportMetric(float64(s.Bytes())/float64(keys), "B/key")
			begin := time.Now()
			n := 0
			for b.Loop() {
				update(func(int) int64 { return rng.Int64N(keys) })
				n += batchLen
			}
			ours := time.Since(begin)
			begin = time.Now()
			for range n {
				m[rng.Int64N(keys)]++
			}
			theirs := time.Since(begin)
			b.ReportMetric(float64(ours.Nanoseconds())/float64(n), "ns/record")
			b.ReportMetric(float64(theirs)/float64(ours), "x-map")
		})
	}
}

func updater(b *testing.B, s *Store[int64], c *Column[int64]) func(func(int) int64) {
	slots := make([]Slot, batchLen)
	lookup := lookupOf(b, s, slots)
	return func(draw func(int) int64) {
		lookup(draw)
		for _, slot := range slots {
			v, _ := c.Get(slot)
			v++
			c.Set(slot, &v)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s, _ := NewStore[int64](Config{MaxParallelism: 256, Groups: base.KeyGroupRange{End: 256}})
	c, _ := NewColumn[int64](s, "value")
	update := updater(b, s, c)
	const keys = 1 << 20
	var d discarder
	for b.Loop() {
		b.StopTimer()
		for k := int64(0); k < keys; k += batchLen {
			update(func(i int) int64 { return (k + int64(i)) * 7919 })
		}
		b.StartTimer()
		f := s.Freeze()
		if err := f.WriteTo(&d); err != nil {
			b.Fatal(err)
		}
		f.Done()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/entry")
}

// BenchmarkAdd adds to sums of uniformly drawn keys, in memory, beside updates of values.
func BenchmarkAdd(b *testing.B) {
	const keys = 1_000_000
	s, _ := NewStore[int64](Config{MaxParallelism: 256, Groups: base.KeyGroupRange{End: 256}})
	value, _ := NewColumn[int64](s, "value")
	sum, _ := NewSum(s, "sum", func(into, from *int64) { *into += *from })
	list, _ := NewList[int64](s, "list")
	row := int64(1)
	ways := []func(Slot){
		func(slot Slot) { value.Update(slot, func(v *int64) { *v += row }) },
		func(slot Slot) {
			acc, _ := sum.Part(slot)
			*acc += row
			sum.Keep(acc)
		},
		func(slot Slot) { list.Append(slot, &row) },
	}
	names, rng, slots := []string{"value", "sum", "list"}, rand.New(rand.NewPCG(1, 1)), make([]Slot, batchLen)
	lookup := lookupOf(b, s, slots)
	for k := int64(0); k < keys; k += batchLen {
		lookup(func(i int) int64 { return k + int64(i) })
		for _, slot := range slots {
			for _, add := range ways {
				add(slot)
			}
		}
	}
	var took [3]time.Duration
	for b.Loop() {
		lookup(func(int) int64 { return rng.Int64N(keys) })
		for i, add := range ways {
			begin := time.Now()
			for _, slot := range slots {
				add(slot)
			}
			took[i] += time.Since(begin)
		}
	}
	for i, name := range names {
		b.ReportMetric(float64(took[i].Nanoseconds())/float64(b.N)/batchLen, name+"-ns/row")
		b.ReportMetric(float64(took[i])/float64(took[0]), name+"-x-value")
	}
}

// lookupOf returns a function that finds the slots of a batch of keys.
func lookupOf(b *testing.B, s *Store[int64], slots []Slot) func(func(int) int64) {
	keys, hashes := make([]int64, batchLen), make([]uint64, batchLen)
	return func(draw func(int) int64) {
		for i := range keys {
			keys[i] = draw(i)
		}
		s.codec.Hash(keys, hashes)
		if err := s.Lookup(keys, hashes, slots); err != nil {
			b.Fatal(err)
		}
		s.Touch(slots)
	}
}

// BenchmarkWriteSpread writes as many changes of a large state as of a small one, each far from the next.
func BenchmarkWriteSpread(b *testing.B) {
	const changes = 48 * batchLen
	for _, keys := range []int64{250_000, 10_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			s, _ := NewStore[int64](Config{MaxParallelism: 256, Groups: base.KeyGroupRange{End: 256}})
			c, _ := NewColumn[int64](s, "value")
			update, at := updater(b, s, c), int64(0)
			for k := int64(0); k < keys; k += batchLen {
				update(func(i int) int64 { return k + int64(i) })
			}
			var d discarder
			write := func() {
				f := s.Freeze()
				if err := f.WriteTo(&d); err != nil {
					b.Fatal(err)
				}
				f.Done()
			}
			write()
			var took time.Duration
			for b.Loop() {
				for range changes / batchLen {
					update(func(int) int64 {
						at = (at + 6_180_339_887) % keys
						return at
					})
				}
				begin := time.Now()
				write()
				took += time.Since(begin)
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N)/changes, "ns/entry")
		})
	}
}
