package keyed

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

// mapped is a store with a map and a string for each key.
type mapped struct {
	*counter
	m    *Map[int64, int64]
	name *Column[string]
}

func newMapped(t *testing.T) *mapped {
	t.Helper()
	c := newCounter(t, 0)
	m, err := NewMap[int64, int64](c.store, "m")
	must(t, err)
	name, err := NewColumn[string](c.store, "name")
	must(t, err)
	return &mapped{c, m, name}
}

// Entries are put in, changed and taken out, some dropped in between, and maps are gone through at some time for the
// first time: only from then on they have links.
func TestMapsHaveTheirEntriesWheneverTheyAreGoneThrough(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range 20 * *histories {
		rng, s := rand.New(rand.NewPCG(seed+i, 0)), newMapped(t)
		slots := s.lookup(t, 1, 2, 3, 4, 5, 6)
		want := make([]map[int64]int64, len(slots))
		for i, slot := range slots {
			s.store.Hold(slot)
			want[i] = map[int64]int64{}
		}
		most := rng.Int64N(1000) + 1
		for range 30 {
			s.use(t, rng, slots, want, most)
			if rng.IntN(3) == 0 {
				s.checkpoint(t)
				s.store.tidy()
			}
			if at := rng.IntN(len(slots)); rng.IntN(4) == 0 {
				all, err := s.m.All(slots[at])
				must(t, err)
				if got := maps.Collect(all); !maps.Equal(got, want[at]) {
					t.Fatalf("seed %d: map %d is %v, want %v", seed+i, at, got, want[at])
				}
			}
		}
	}
}

// use gets, sets and removes entries.
func (s *mapped) use(t *testing.T, rng *rand.Rand, slots []Slot, want []map[int64]int64, most int64) {
	t.Helper()
	for range 60 {
		at, k := rng.IntN(len(slots)), rng.Int64N(most)
		had, there := want[at][k]
		if v, ok, err := s.m.Get(slots[at], k); err != nil || ok != there || v != had {
			t.Fatalf("entry %d of map %d is %d, %v, %v, want %d, %v", k, at, v, ok, err, had, there)
		}
		if rng.IntN(3) == 0 {
			s.m.Remove(slots[at], k)
			delete(want[at], k)
		} else {
			s.m.Set(slots[at], k, had+1)
			want[at][k] = had + 1
		}
	}
}

func TestStringsThatStayAreNotCopiedAndOthersAre(t *testing.T) {
	s := newMapped(t)
	slot := s.lookup(t, 1)[0]
	stored := func() *byte { v, _ := s.name.Get(slot); return unsafe.StringData(v) }
	first := string([]byte("a name"))
	s.name.Set(slot, &first)
	kept := stored()
	if kept == unsafe.StringData(first) {
		t.Error("the column holds on to the memory of a string that was set")
	}
	again := string([]byte("a name"))
	if s.name.Set(slot, &again); stored() != kept {
		t.Error("the same string has been copied")
	}
	other := string([]byte("another"))
	if s.name.Set(slot, &other); stored() == unsafe.StringData(other) || stored() == kept {
		t.Error("another string has not been copied")
	}
	if v, _ := s.name.Get(slot); v != other {
		t.Errorf("the string is %q, want %q", v, other)
	}
}

// Whatever is in a bucket, the words with a tag are found, and whether it is full.
func TestMatchesOfABucket(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		var line [bucket]uint64
		tag, want, taken := tagOf(rng.Uint64N(3)), uint64(0), 0
		for k := range line {
			if rng.IntN(4) == 0 {
				continue
			}
			h := rng.Uint64N(3)
			line[k] = word(h, Slot(rng.Uint32N(1<<31)))
			taken++
			if tagOf(h) == tag {
				want |= 1 << k
			}
		}
		if found, full := matches(&line, tag); found != want || full != (taken == bucket) {
			t.Fatalf("%x in %x: %b, %v, want %b", tag, line, found, full, want)
		}
	}
}
