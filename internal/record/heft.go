package record

import "unsafe"

// Heft is what values take beyond their own size, in strings and slices of bytes: the mean of those that came lately.
// To weigh each value when it goes again would take longer than it is worth. It is for one goroutine.
type Heft struct {
	lengths []uintptr // offsets of the lengths of strings and slices
	mean    int64     // in bytes, times heftOf
}

const (
	// heftOf is over about how many values the mean is.
	heftOf = 64
	// blockBytes is about what an allocation takes beyond its length.
	blockBytes = 16
)

// HeftOf is the heft of values of a type, of which none have come.
func HeftOf[V any]() Heft {
	l, word := LayoutOf[V](), unsafe.Sizeof(uintptr(0))
	var h Heft
	for _, offsets := range [][]uintptr{l.Strings, l.Bytes} {
		for _, off := range offsets {
			h.lengths = append(h.lengths, off+word) // behind the pointer
		}
	}
	return h
}

// Of is what a value takes that begins at a place, in bytes.
func (h *Heft) Of(v unsafe.Pointer) (bytes int64) {
	for _, off := range h.lengths {
		bytes += blockBytes + int64(*(*int)(unsafe.Add(v, off)))
	}
	return bytes
}

// Take takes a value into account that begins at a place.
func (h *Heft) Take(v unsafe.Pointer) {
	if len(h.lengths) == 0 {
		return
	}
	bytes := h.Of(v)
	if h.mean == 0 {
		h.mean = bytes * heftOf
	}
	h.mean += bytes - h.mean/heftOf
}

// Each is about what one value takes, in bytes.
func (h *Heft) Each() int64 { return h.mean / heftOf }
