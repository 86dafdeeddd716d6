package keyed

// maxChunk is the size in bytes of the largest chunk.
const maxChunk = 32 << 20

// slab hands out objects from chunks that grow with their number: few allocations, and memory that is
// contiguous enough to have large pages.
type slab[T any] struct {
	chunk []T
	total int
}

// next returns a zero object.
func (s *slab[T]) next() *T { return &s.take(1)[0] }

// take returns a slice of n zero objects. Its memory is free again when all that came from its chunk is.
func (s *slab[T]) take(n int) []T {
	if len(s.chunk) < n {
		most := max(1, int(maxChunk/max(1, sizeOf[T]())))
		s.chunk = make([]T, max(n, min(most, s.total/4)))
		preferHuge(s.chunk)
	}
	t := s.chunk[:n:n]
	s.chunk = s.chunk[n:]
	s.total += n
	return t
}
