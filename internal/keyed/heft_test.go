package keyed

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

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
