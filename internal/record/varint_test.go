package record

import (
	"bytes"
	"math"
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

func TestNumbersTakeAByteForSevenBits(t *testing.T) {
	for width := range 65 {
		x := uint64(1)<<width - 1
		want := min(max(1, (bits.Len64(x)+6)/7), 9)
		b := appendUvarint(nil, x)
		if len(b) != want {
			t.Errorf("%#x takes %d bytes, want %d", x, len(b), want)
		}
		if got, n := uvarint(b); got != x || n != want {
			t.Errorf("%#x is read as %#x of %d bytes", x, got, n)
		}
	}
}

func TestNumbersAreReadWhateverFollowsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Uint64().Draw(t, "x")
		tail := rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "tail")
		b := appendUvarint(nil, x)
		if got, n := uvarint(append(b, tail...)); got != x || n != len(b) {
			t.Fatalf("%#x of %d bytes, then %x: read as %#x of %d bytes", x, len(b), tail, got, n)
		}
	})
}

func TestNumbersThatAreCutAreNotRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := appendUvarint(nil, rapid.Uint64().Draw(t, "x"))
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if x, n := uvarint(b[:cut]); n != 0 {
			t.Fatalf("%x cut to %d bytes is read as %#x", b, cut, x)
		}
	})
}

func TestSignedNumbersNearZeroAreShort(t *testing.T) {
	for x, size := range map[int64]int{0: 1, -1: 1, 63: 1, -64: 1, 64: 2, math.MaxInt64: 9, math.MinInt64: 9} {
		b := appendVarint([]byte("before"), x)
		if !bytes.HasPrefix(b, []byte("before")) || len(b)-len("before") != size {
			t.Errorf("%d is appended as %x, want %d bytes", x, b, size)
		}
		if got, _ := uvarint(b[len("before"):]); unzigzag(got) != x {
			t.Errorf("%d is read as %d", x, unzigzag(got))
		}
	}
}
