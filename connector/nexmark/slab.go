package nexmark

// slab gives out rows from arrays of slabRows. The zero value is ready.
type slab[T any] struct {
	rows []T
	used int
}

const slabRows = 128

// next returns a zero row that is given to nobody else.
func (s *slab[T]) next() *T {
	if s.used == len(s.rows) {
		s.rows, s.used = make([]T, slabRows), 0
	}
	row := &s.rows[s.used]
	s.used++
	return row
}
