package record

import (
	"strings"
	"testing"
	"unsafe"
)

func TestStringsAndBytesOfValuesCount(t *testing.T) {
	type note struct {
		Title string
		Body  []byte
		Parts [2]struct{ Name string }
	}
	h := HeftOf[note]()
	for range 1000 {
		v := note{Title: strings.Repeat("x", 100), Body: make([]byte, 1000)}
		v.Parts[1].Name = "four"
		h.Take(unsafe.Pointer(&v))
	}
	if got, want := h.Each(), int64(100+1000+4+4*blockBytes); got != want {
		t.Errorf("%d bytes each, want %d", got, want)
	}
	plain := HeftOf[struct{ A, B int64 }]()
	plain.Take(unsafe.Pointer(&struct{ A, B int64 }{1, 2}))
	if plain.Each() != 0 {
		t.Errorf("%d bytes of numbers", plain.Each())
	}
}

func TestTheMeanFollowsTheValues(t *testing.T) {
	h := HeftOf[string]()
	for _, n := range []int{10, 5000, 200} {
		for range 20 * heftOf {
			v := strings.Repeat("x", n)
			h.Take(unsafe.Pointer(&v))
		}
		if got := h.Each(); got < int64(n) || got > int64(n+n/20+2*blockBytes) {
			t.Errorf("%d bytes each of strings of %d", got, n)
		}
	}
}
