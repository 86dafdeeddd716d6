package nexmark

import (
	"strings"
	"unsafe"
)

// arenaChunk is how many bytes an arena asks for at once: the strings of some 700 events.
const arenaChunk = 64 << 10

// arena is memory for the strings of many events. What it has given out is never written again; a chunk is
// freed with the last string in it. The zero value is ready.
type arena struct {
	chunk []byte
	used  int // a number rather than a shorter chunk: storing it needs no write barrier
}

// reserve makes room for n bytes, at most arenaChunk, to be written to free and then taken.
func (a *arena) reserve(n int) {
	if len(a.chunk)-a.used < n {
		a.chunk, a.used = newChunk(), 0
	}
}

// newChunk returns memory that was not cleared, for all of it will be written before it is read. That is what a
// strings.Builder grows by: its bytes are taken over through the one byte that makes its string non-empty. This
// is safe since nobody else holds the builder or its string.
func newChunk() []byte {
	var b strings.Builder
	b.Grow(arenaChunk)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), b.Cap())
}

// free is the memory that is not taken.
func (a *arena) free() []byte { return a.chunk[a.used:] }

// take returns the first n free bytes as a string. They are not free any more, so the string cannot change.
func (a *arena) take(n int) string {
	taken := a.free()[:n]
	a.used += n
	return unsafe.String(unsafe.SliceData(taken), n)
}
