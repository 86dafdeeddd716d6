package async

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestKeysAreLikeAMap(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, spread := range []Key{1, 1 << 20, 1 << 56, 0x9e3779b97f4a7c15} {
		table, want := newKeys(), map[Key]uint32{}
		for step := range 50_000 {
			key := Key(rng.IntN(1+step/50)) * spread
			switch l := table.find(key); {
			case (l == nil) != (want[key] == 0) || l != nil && (l.count != want[key] || l.key != key):
				t.Fatalf("step %d: key %d is %+v, want %d", step, key, l, want[key])
			case l != nil && rng.IntN(2) == 0:
				table.remove(key)
				delete(want, key)
			default:
				table.add(key)
				want[key]++
			}
			if table.used != len(want) {
				t.Fatalf("step %d: %d keys, want %d", step, table.used, len(want))
			}
		}
	}
}

// All of these keys have one home, at the end of the table: they run over its end.
func TestKeysOfOneHomeAreFoundAfterARemoval(t *testing.T) {
	table := newKeys()
	var same []Key
	for key := Key(1); len(same) < 10; key++ {
		if table.home(key) == leastKeys-3 {
			same = append(same, key)
			table.add(key)
		}
	}
	for len(same) > 0 {
		table.remove(same[0])
		if table.find(same[0]) != nil {
			t.Fatalf("key %d is removed, and found", same[0])
		}
		same = same[1:]
		for _, key := range same {
			if table.find(key) == nil {
				t.Fatalf("key %d is lost", key)
			}
		}
	}
}

func TestTurnsComeOutInOrderWhateverTheyWentIn(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		var r ready
		var want []uint64
		for range 500 {
			if rng.IntN(3) > 0 {
				seq := rng.Uint64()
				r.push(turn{seq, ID(len(want))})
				at, _ := slices.BinarySearch(want, seq)
				want = slices.Insert(want, at, seq)
				continue
			}
			got, ok := r.pop()
			if ok != (len(want) > 0) || ok && got.seq != want[0] {
				t.Fatalf("%d, %v comes out of %v", got.seq, ok, want)
			}
			if ok {
				want = want[1:]
			}
		}
	}
}

func TestAQueueThatNeverEmptiesKeepsItsMemory(t *testing.T) {
	var q queue[int]
	for i := range 10 {
		q.push(i)
	}
	for i := range 100_000 {
		q.push(10 + i)
		if got := q.pop(); got != i {
			t.Fatalf("%d comes out, want %d", got, i)
		}
	}
	if cap(q.items) > 64 || q.len() != 10 || *q.at(0) != 100_000 {
		t.Errorf("%d items in memory for %d, the first is %d", cap(q.items), q.len(), *q.at(0))
	}
}
