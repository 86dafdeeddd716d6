package keyed

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestStringsAndBytesOfValuesCount(t *testing.T) {
	type note struct {
		Title string
		Body  []byte
		Parts [2]struct{ Name string }
	}
	h := heftOfType[note]()
	for range 1000 {
		v := note{Title: strings.Repeat("x", 100), Body: make([]byte, 1000)}
		v.Parts[1].Name = "four"
		h.take(unsafe.Pointer(&v))
	}
	if got, want := h.each(), int64(100+1000+4+4*blockBytes); got != want {
		t.Errorf("%d bytes each, want %d", got, want)
	}
	plain := heftOfType[struct{ A, B int64 }]()
	plain.take(unsafe.Pointer(&struct{ A, B int64 }{1, 2}))
	if plain.each() != 0 {
		t.Errorf("%d bytes of numbers", plain.each())
	}
}

func TestTheMeanFollowsTheValues(t *testing.T) {
	h := heftOfType[string]()
	for _, n := range []int{10, 5000, 200} {
		for range 20 * heftOf {
			v := strings.Repeat("x", n)
			h.take(unsafe.Pointer(&v))
		}
		if got := h.each(); got < int64(n) || got > int64(n+n/20+2*blockBytes) {
			t.Errorf("%d bytes each of strings of %d", got, n)
		}
	}
}

// Without the strings the pages of all keys would fit.
func TestLongStringsKeepToTheBudget(t *testing.T) {
	const limit, length, n = 4 << 20, 2000, 20_000
	s := newSubject(t, base.KeyGroupRange{End: maxP}, limit)
	for i := range n {
		slot, _ := s.slot(t, fmt.Sprint("long-", i))
		v := strings.Repeat("x", length)
		s.name.Set(slot, &v)
		if i%500 == 0 {
			s.checkpoint(t)
		}
	}
	s.slots(t, "")
	held := 0
	for slot := range Slot(len(s.name.pages) << pageBits) {
		if s.name.has(slot) {
			held++
		}
	}
	if bytes := held * length; bytes > 2*limit || bytes < limit/8 {
		t.Errorf("%d strings with %d bytes are in memory, the limit is %d", held, bytes, limit)
	}
	if used := s.store.Bytes(); used < int64(held*length)/2 {
		t.Errorf("the store says that it takes %d bytes, with %d of strings", used, held*length)
	}
}
