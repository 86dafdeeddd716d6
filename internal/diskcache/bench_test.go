package diskcache

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

const blockBytes = 32 << 10

// hitWorld is a cache of 64 MiB of one object.
func hitWorld(b *testing.B) (*world, objstore.Object) {
	w := newWorld(b, 2000)
	o := w.put("x", 64<<20)
	for off := int64(0); off < o.Size; off += 4 << 20 {
		w.read(b.Context(), o, off, 4<<20)
	}
	w.remote.take()
	b.Cleanup(func() { w.asked() })
	return w, o
}

func BenchmarkHit(b *testing.B) {
	for name, n := range map[string]int{"4KiB": 4 << 10, "32KiB": blockBytes, "64KiB": chunkBytes} {
		b.Run(name, func(b *testing.B) {
			w, o := hitWorld(b)
			ctx, p := objstore.Sized(b.Context(), o.Size), make([]byte, n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			b.ResetTimer()
			for i := range int64(b.N) {
				off := i * 7919 * int64(n) % (o.Size - int64(n))
				must(b, w.store.ReadAt(ctx, o.Name, p, off/int64(n)*int64(n)))
			}
		})
	}
}

func BenchmarkHitsOfTwo(b *testing.B) {
	w, o := hitWorld(b)
	b.SetBytes(blockBytes)
	b.SetParallelism(1)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		ctx, p := objstore.Sized(context.Background(), o.Size), make([]byte, blockBytes)
		for i := int64(0); pb.Next(); i++ {
			must(b, w.store.ReadAt(ctx, o.Name, p, i*7919*blockBytes%o.Size))
		}
	})
}

// A hit allocates nothing: it is what a record waits for.
func TestAHitAllocatesNothing(t *testing.T) {
	w := newWorld(t, 10)
	o := w.put("x", 4*chunkBytes)
	w.read(t.Context(), o, 0, int(o.Size))
	ctx, p := objstore.Sized(t.Context(), o.Size), make([]byte, blockBytes)
	n := testing.AllocsPerRun(200, func() { must(t, w.store.ReadAt(ctx, o.Name, p, chunkBytes-100)) })
	if n >= 1 { // the pool of buffers may be emptied by a collection, or by the race detector
		t.Logf("%v allocations", n)
		if !raceEnabled {
			t.Fail()
		}
	}
}

// writeEntries makes the files of a full cache of so many chunks, whose data is sparse.
func writeEntries(t testing.TB, dir string, chunks int) {
	t.Helper()
	b := []byte(magic)
	for i := range chunks {
		object, chunk := uint64(i/512), uint32(i%512)
		e := entry{key{object, object * 7919}, 512 * chunkBytes, chunk, uint32(i), sums{}, i%2 == 0}.encode()
		b = append(b, e[:]...)
	}
	must(t, os.WriteFile(filepath.Join(dir, entriesName), b, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, chunksName), nil, 0o600))
	must(t, os.Truncate(filepath.Join(dir, chunksName), chunkAt(uint32(chunks))))
}

// The index of a cache of 4 GiB is small, in objects of 32 MiB.
func TestTheIndexTakesFewBytesAChunk(t *testing.T) {
	const chunks = 4 << 30 / chunkBytes
	w := newWorld(t, chunks)
	w.close()
	writeEntries(t, w.config.Dir, chunks)
	before := heap()
	w.open()
	w.close()
	per := float64(heap()-before) / chunks
	t.Logf("%.0f bytes a chunk", per)
	if n := w.cache.index.held(); n != chunks || per > 100 {
		t.Errorf("%d chunks, %.0f bytes each", n, per)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkOpenOf4GiB(b *testing.B) {
	const chunks = 4 << 30 / chunkBytes
	dir := b.TempDir()
	writeEntries(b, dir, chunks)
	for b.Loop() {
		c, err := Open(b.Context(), Config{Dir: dir, Size: sizeFor(chunks)})
		must(b, err)
		must(b, c.Close())
	}
}
