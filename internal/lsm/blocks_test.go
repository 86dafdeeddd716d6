package lsm

import (
	"fmt"
	"runtime"
	"testing"
)

// inHeap is what is alive in the heap of Go.
func inHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Whoever bounds the memory of the process must know of both.
func TestBlocksAreInTheHeapOrToldToBeOutside(t *testing.T) {
	w := idle(t, 23)
	set := NewTableSet(t.Context(), w.store, w.newTableName)
	const keys = 2000
	for i := range keys {
		must(t, set.Set(fmt.Appendf(nil, "b%08d", i), w.noise(4000)))
	}
	tables, err := set.Finish()
	must(t, err)
	w.ingest(tables)
	w.res.blocks.SetLimit(64 * mib)
	before, blocks := inHeap(), w.res.blocks.Used()
	for i := range keys {
		if found, _ := w.seek(t, i); !found {
			t.Fatalf("key %d is lost", i)
		}
	}
	used := w.res.blocks.Used() - blocks
	grown := inHeap() - before + w.res.blocks.OutsideHeap()
	if used < 4*mib || grown < used*8/10 {
		t.Errorf("blocks take %d bytes more; the heap and what is told to be outside, %d", used, grown)
	}
	runtime.KeepAlive(w)
}
