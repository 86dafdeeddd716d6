package base

import (
	"bytes"
	"math"
	"testing"
)

func TestAValueThatExpiresSaysWhen(t *testing.T) {
	for _, until := range []int64{1, 1_700_000_000_000, math.MaxInt64} {
		for _, number := range []int{0, 5, MaxNumber - 1} {
			value := append(AppendExpiry(nil, number, until), "rest"...)
			if got, ok := Expiry(value); !ok || got != until {
				t.Errorf("Expiry = %d, %v; want %d", got, ok, until)
			}
			n, u, expires, rest, ok := SplitValue(value)
			if n != number || u != until || !expires || string(rest) != "rest" || !ok {
				t.Errorf("%d until %d is read as %d until %d, %v, %q, %v", number, until, n, u, expires, rest, ok)
			}
		}
	}
}

func TestAValueWithoutExpiryHasItsNumberOnly(t *testing.T) {
	for _, number := range []int{0, 5, MaxNumber - 1} {
		value := append(AppendNumber(nil, number), "value that is long"...)
		if _, ok := Expiry(value); ok {
			t.Errorf("number %d is taken for an expiry", number)
		}
		n, _, expires, rest, ok := SplitValue(value)
		if n != number || expires || !bytes.Equal(rest, value[1:]) || !ok {
			t.Errorf("%d is read as %d, %v, %q, %v", number, n, expires, rest, ok)
		}
	}
}

func TestAValueThatEndsEarlyIsRefused(t *testing.T) {
	whole := AppendExpiry(nil, 3, 77)
	for n := range whole {
		if _, _, _, _, ok := SplitValue(whole[:n]); ok {
			t.Errorf("%d of %d bytes are read", n, len(whole))
		}
		if _, ok := Expiry(whole[:n]); ok {
			t.Errorf("%d of %d bytes say when they expire", n, len(whole))
		}
	}
}
