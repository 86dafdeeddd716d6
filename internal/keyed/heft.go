package keyed

import (
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/record"
)

// heft is what values take beyond their pages, in strings and slices of bytes: the mean of those that came lately. To
// weigh each value when it goes again would take longer than it is worth.
type heft struct {
	lengths []uintptr // offsets of the lengths of strings and slices
	mean    int64     // in bytes, times heftOf
}

const (
	// heftOf is over about how many values the mean is.
	heftOf = 64
	// blockBytes is about what an allocation takes beyond its length.
	blockBytes = 16
)

func heftOfType[V any]() heft {
	l, word := record.LayoutOf[V](), unsafe.Sizeof(uintptr(0))
	var h heft
	for _, offsets := range [][]uintptr{l.Strings, l.Bytes} {
		for _, off := range offsets {
			h.lengths = append(h.lengths, off+word) // behind the pointer
		}
	}
	return h
}

// take takes a value into account that begins at a place.
func (h *heft) take(v unsafe.Pointer) {
	if len(h.lengths) == 0 {
		return
	}
	var bytes int64
	for _, off := range h.lengths {
		bytes += blockBytes + int64(*(*int)(unsafe.Add(v, off)))
	}
	if h.mean == 0 {
		h.mean = bytes * heftOf
	}
	h.mean += bytes - h.mean/heftOf
}

// each is about what one value takes.
func (h *heft) each() int64 { return h.mean / heftOf }
