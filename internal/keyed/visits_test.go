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
	const limit, length, keys = 1 << 20, 20_000, 100
	s := openWith(t, base.KeyGroupRange{End: 2}, 2, limit, &shelf{m: map[string]string{}}, &onItsWay{})
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
	for step := range 5000 {
		k := rng.IntN(keys)
		slot, _ := s.slot(t, fmt.Sprint("key-", k))
		rows, err := listed(s.store, s.list, slot)
		must(t, err)
		if n := len(rows); n != visits[k] {
			t.Fatalf("step %d: key %d has %d rows, want %d", step, k, n, visits[k])
		}
		for i, row := range rows {
			if row != fmt.Sprint(i+1) {
				t.Fatalf("step %d: key %d has the rows %q", step, k, rows)
			}
		}
		visits[k]++
		row := fmt.Sprint(visits[k])
		s.list.Append(slot, &row)
		s.name.Set(slot, &v)
		switch rng.IntN(30) {
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

// A key that comes back into the slot where it began a list, after it was in another, goes on behind the newest chunk.
func TestAListGoesOnBehindItsNewestChunkInWhateverSlot(t *testing.T) {
	s := openWith(t, base.KeyGroupRange{End: 1}, 1, 1<<30, &shelf{m: map[string]string{}}, &onItsWay{})
	add := func(key, row string) Slot {
		slot, _ := s.slot(t, key)
		_, err := listed(s.store, s.list, slot)
		must(t, err)
		s.list.Append(slot, &row)
		return slot
	}
	first := add("a", "1")
	s.checkpoint(t)
	s.store.evict(first)
	other, _ := s.slot(t, "b")
	s.name.Set(other, new(string))
	second := add("a", "2")
	s.checkpoint(t)
	s.store.evict(second)
	s.store.evict(other)
	if third := add("a", "3"); first != other || first == second || third != first {
		t.Fatalf("slots %d, %d and %d, and %d of the other key", first, second, third, other)
	}
	rows, err := listed(s.store, s.list, first)
	if got := strings.Join(rows, " "); err != nil || got != "1 2 3" {
		t.Errorf("%q, %v", got, err)
	}
}
