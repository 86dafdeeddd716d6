package nexmark

// RowHash is the hash of a row's canonical text. A result is identified by its number of rows and the sum of
// their hashes modulo 2^64, which does not depend on the rows' order; a row that is taken back is subtracted.
// It is FNV-1a (Fowler, Noll, Vo), finished by a mixer because the sum needs good high and low bits alike.
func RowHash(row []byte) uint64 {
	h := uint64(0xCBF29CE484222325)
	for _, c := range row {
		h = (h ^ uint64(c)) * 0x100000001B3
	}
	return mix(h)
}
