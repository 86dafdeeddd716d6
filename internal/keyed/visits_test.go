package keyed

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestListsOfKeysThatComeAndGoLoseNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const limit, length, keys = 1 << 20, 2000, 2000
	s := openWith(t, base.KeyGroupRange{End: 16}, 16, limit, &shelf{m: map[string]string{}}, &onItsWay{})
	v := strings.Repeat("x", length)
	visits := make([]int, keys)
	var before *Frozen
	write := func() {
		if before != nil {
			out := &tape{}
			must(t, before.WriteTo(out))
			s.below.apply(out.entries)
			before.Done()
			before = nil
		}
	}
	for step := range 30000 {
		k := rng.IntN(keys)
		slot, _ := s.slot(t, fmt.Sprint("key-", k))
		n, err := s.list.Len(slot)
		must(t, err)
		if n != visits[k] {
			t.Fatalf("step %d: key %d has %d rows, want %d", step, k, n, visits[k])
		}
		visits[k]++
		row := fmt.Sprint(visits[k])
		s.list.Append(slot, &row)
		s.name.Set(slot, &v)
		switch rng.IntN(300) {
		case 0:
			next := s.store.Freeze()
			write()
			before = next
		case 1:
			write()
		case 2:
			s.store.Relieve()
		}
	}
}
