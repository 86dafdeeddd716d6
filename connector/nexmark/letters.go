package nexmark

import "encoding/binary"

// Each draw gives perDraw letters of 5 bits, the lowest bits first.
const (
	alphabet = "abcdefghijklmnopqrstuvwxyzabcdef"
	perDraw  = 12
)

// pairs holds two letters for each ten bits. It is small enough to stay in the first-level cache beside what a
// job needs there. Three letters for fifteen bits would save a twentieth of an event's time and fill 128 KiB.
var pairs = func() (t [1 << 10]uint16) {
	for i := range t {
		t[i] = uint16(alphabet[i&31]) | uint16(alphabet[i>>5])<<8
	}
	return t
}()

// putLetters writes the letters of one draw.
func putLetters(dst *[perDraw]byte, bits uint64) {
	binary.LittleEndian.PutUint16(dst[0:], pairs[bits&1023])
	binary.LittleEndian.PutUint16(dst[2:], pairs[bits>>10&1023])
	binary.LittleEndian.PutUint16(dst[4:], pairs[bits>>20&1023])
	binary.LittleEndian.PutUint16(dst[6:], pairs[bits>>30&1023])
	binary.LittleEndian.PutUint16(dst[8:], pairs[bits>>40&1023])
	binary.LittleEndian.PutUint16(dst[10:], pairs[bits>>50&1023])
}

// letters writes n letters to dst, and up to perDraw-1 more that mean nothing: dst must have room for them.
func (r *rng) letters(dst []byte, n int) {
	s := *r // in a register
	for i := 0; i < n; i += perDraw {
		putLetters((*[perDraw]byte)(dst[i:]), s.next())
	}
	*r = s
}
