package record

import (
	"encoding/binary"
	"math/bits"
)

// Integers in values take one byte for each seven bits, nine at most. Unlike in the usual varints all marks
// are in the first byte, where the number of trailing zeros is that of the bytes that follow: so a number
// is written and read as one word, without a loop.

// appendUvarint appends x. It may overwrite up to eight bytes of dst's spare capacity.
func appendUvarint(dst []byte, x uint64) []byte {
	n := (bits.Len64(x|1) + 6) / 7
	if n > 8 {
		return binary.LittleEndian.AppendUint64(append(dst, 0), x)
	}
	return binary.LittleEndian.AppendUint64(dst, (x<<1|1)<<(n-1))[:len(dst)+n]
}

// uvarint reads a number that src begins with and returns how many bytes it took, or 0 if src is too short.
func uvarint(src []byte) (x uint64, n int) {
	if len(src) >= 8 && src[0] != 0 {
		n = bits.TrailingZeros8(src[0]) + 1
		return binary.LittleEndian.Uint64(src) << (64 - 8*n) >> (64 - 7*n), n
	}
	return uvarintAtEnd(src)
}

// uvarintAtEnd is uvarint where a word cannot be read at once.
func uvarintAtEnd(src []byte) (x uint64, n int) {
	if len(src) == 0 {
		return 0, 0
	}
	n = bits.TrailingZeros8(src[0]) + 1
	if len(src) < n {
		return 0, 0
	}
	if n == 9 {
		return binary.LittleEndian.Uint64(src[1:]), n
	}
	for i := n - 1; i >= 0; i-- {
		x = x<<8 | uint64(src[i])
	}
	return x >> n, n
}

// appendVarint appends a signed number; those near zero are short.
func appendVarint(dst []byte, x int64) []byte { return appendUvarint(dst, uint64(x<<1)^uint64(x>>63)) }

func unzigzag(x uint64) int64 { return int64(x>>1) ^ -int64(x&1) }
