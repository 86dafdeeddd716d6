package keyed

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Without the strings the pages of all keys would fit; of the longer ones a page for each part would not.
func TestLongStringsKeepToTheBudget(t *testing.T) {
	const limit = 4 << 20
	for _, c := range []struct{ length, keys, parts, between int }{
		{length: 2000, keys: 20_000, parts: maxP, between: 500},
		{length: 20_000, keys: 4000, parts: 128, between: 30},
	} {
		t.Run(fmt.Sprint(c.length), func(t *testing.T) {
			s := openWith(t, base.KeyGroupRange{End: base.KeyGroup(c.parts)}, c.parts, limit, &shelf{m: map[string]string{}}, &onItsWay{})
			most := 0
			for i := range c.keys {
				slot, _ := s.slot(t, fmt.Sprint("long-", i))
				v := strings.Repeat("x", c.length)
				s.name.Set(slot, &v)
				if i%c.between == 0 {
					s.checkpoint(t)
					most = max(most, c.length*s.named())
				}
			}
			if now := c.length * s.named(); most > 2*limit || now < limit/8 {
				t.Errorf("at most %d and in the end %d bytes are in memory, the limit is %d", most, now, limit)
			}
			if used := s.store.Bytes(); used < int64(c.length*s.named())/2 {
				t.Errorf("the store says that it takes %d bytes, with %d of strings", used, c.length*s.named())
			}
		})
	}
}

// named is how many names are in memory.
func (s *subject) named() (n int) {
	for slot := range Slot(len(s.name.pages) << pageBits) {
		if s.name.has(slot) {
			n++
		}
	}
	return n
}
