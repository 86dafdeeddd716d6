package keyed

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Keys whose hashes collide in buckets, in tags and altogether, put in and taken out at random: the directory always
// has what a map has.
func TestADirectoryFindsWhatAMapDoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range 60 * *histories {
		rng := rand.New(rand.NewPCG(seed+i, 0))
		bits := rng.IntN(40)
		hash := func(k int64) uint64 {
			h := uint64(k) * 0x9E3779B97F4A7C15
			return h>>32<<6&(1<<(6+bits)-1) | h>>58
		}
		d, want := newDirectory[int64](1), map[int64]Slot{}
		for range 3000 {
			k := rng.Int64N(400)
			_, there := want[k]
			switch s, ok := d.find(0, hash(k), &k); {
			case ok != there || ok && s != want[k]:
				t.Fatalf("seed %d: key %d is found in slot %d (%v), want %d (%v)", seed+i, k, s, ok, want[k], there)
			case !there:
				want[k] = d.insert(0, hash(k), k)
			case rng.IntN(2) == 0:
				d.remove(s, hash(k))
				delete(want, k)
			}
			if d.used != len(want) {
				t.Fatalf("seed %d: %d keys, want %d", seed+i, d.used, len(want))
			}
		}
		for k, s := range want {
			if found, ok := d.find(0, hash(k), &k); !ok || found != s {
				t.Fatalf("seed %d: key %d is lost at the end", seed+i, k)
			}
			if w := d.parts[0].candidate(hash(k)); w == 0 || uint32(w>>32) != tagOf(hash(k)) {
				t.Fatalf("seed %d: key %d has no candidate", seed+i, k)
			}
		}
	}
}
