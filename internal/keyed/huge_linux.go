package keyed

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugeFloor is the size from which on memory is worth the system's large pages.
const hugeFloor = 512 << 10

// preferHuge asks the system to back a large slice with large pages: random access to a big table waits for
// the translation of addresses as long as for the memory itself. It is advice; what it cannot have is no error.
func preferHuge[T any](s []T) {
	size := uintptr(len(s)) * sizeOf[T]()
	if size < hugeFloor {
		return
	}
	p := unsafe.Pointer(unsafe.SliceData(s))
	if uintptr(p)%uintptr(unix.Getpagesize()) != 0 {
		return
	}
	_ = unix.Madvise(unsafe.Slice((*byte)(p), size), unix.MADV_HUGEPAGE)
}
