package base

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestRangesCoverAllKeyGroupsAtEveryParallelism(t *testing.T) {
	for _, maxP := range []int{1, 2, 7, 128, 256, 1000, MaxMaxParallelism} {
		for p := 1; p <= min(maxP, 300); p++ {
			next := KeyGroup(0)
			for s := range p {
				r := RangeOf(s, p, maxP)
				if r.Start != next || r.Len() < 1 {
					t.Fatalf("max %d, parallelism %d: subtask %d owns %v, want it to start at %d", maxP, p, s, r, next)
				}
				for _, g := range []KeyGroup{r.Start, r.End - 1} {
					if SubtaskOf(g, p, maxP) != s || !r.Contains(g) {
						t.Fatalf("max %d, parallelism %d: group %d routes to %d, its owner is %d", maxP, p, g, SubtaskOf(g, p, maxP), s)
					}
				}
				next = r.End
			}
			if int(next) != maxP {
				t.Fatalf("max %d, parallelism %d: ranges end at %d", maxP, p, next)
			}
		}
	}
}

func TestHashWordIsTheHashOfTheEncodedWord(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		x := rng.Uint64()
		if got, want := HashWord(x), Hash(binary.BigEndian.AppendUint64(nil, x)); got != want {
			t.Fatalf("HashWord(%d) = %d, Hash = %d", x, got, want)
		}
	}
}

// The layout of stored state depends on these values: a change breaks every checkpoint.
func TestHashIsFrozen(t *testing.T) {
	for _, c := range []struct {
		key   string
		hash  string
		group KeyGroup
	}{
		{"", "2d06800538d394c2", 45},
		{"aquifer", "ef1e46f3f2e19e8a", 239},
		{"\x80\x00\x00\x00\x00\x00\x03\xe8", "c7fd3233965f8d7a", 199},
	} {
		h := Hash([]byte(c.key))
		if got := fmt.Sprintf("%016x", h); got != c.hash || KeyGroupOf(h, 256) != c.group {
			t.Errorf("Hash(%q) = %s, group %d; want %s, group %d", c.key, got, KeyGroupOf(h, 256), c.hash, c.group)
		}
	}
}

func TestKeyGroupsAreEvenlyUsed(t *testing.T) {
	const keys, groups = 1 << 20, 256
	var count [groups]int
	for k := range uint64(keys) {
		count[KeyGroupOf(HashWord(k^1<<63), groups)]++
	}
	for g, n := range count {
		if n < keys/groups*90/100 || n > keys/groups*110/100 {
			t.Errorf("group %d holds %d of %d keys", g, n, keys)
		}
	}
}

func TestKindOfFindsTheOutermostKind(t *testing.T) {
	err := fmt.Errorf("outer: %w", Errorf(Config, "inner: %w", Errorf(Corrupt, "deep")))
	if got := KindOf(err); got != Config {
		t.Errorf("kind %v, want Config", got)
	}
	if got := KindOf(fmt.Errorf("plain")); got != Failed {
		t.Errorf("kind %v, want Failed", got)
	}
	if got := err.Error(); got != "outer: inner: deep" {
		t.Errorf("text %q", got)
	}
}

func TestAnErrorWithAKindIsStillTheErrorItWraps(t *testing.T) {
	cause := errors.New("cause")
	err := Errorf(Corrupt, "table %d: %w", 7, cause)
	if !errors.Is(err, cause) || err.Error() != "table 7: cause" || KindOf(err) != Corrupt {
		t.Errorf("%v of kind %v", err, KindOf(err))
	}
}

func TestRangesOverlapWhenTheyShareAGroup(t *testing.T) {
	r := KeyGroupRange{Start: 4, End: 8}
	for _, c := range []struct {
		other KeyGroupRange
		want  bool
	}{
		{KeyGroupRange{0, 4}, false}, {KeyGroupRange{0, 5}, true}, {KeyGroupRange{5, 6}, true}, {KeyGroupRange{7, 9}, true},
		{KeyGroupRange{8, 9}, false}, {KeyGroupRange{0, 99}, true}, {r, true},
	} {
		if r.Overlaps(c.other) != c.want || c.other.Overlaps(r) != c.want {
			t.Errorf("%v and %v: want %v", r, c.other, c.want)
		}
	}
}

func TestARangeHasItsStartAndNotItsEnd(t *testing.T) {
	r := KeyGroupRange{Start: 4, End: 8}
	for g, want := range map[KeyGroup]bool{3: false, 4: true, 7: true, 8: false} {
		if r.Contains(g) != want {
			t.Errorf("%d in %v: want %v", g, r, want)
		}
	}
	if r.Len() != 4 || r.String() != "[4,8)" {
		t.Errorf("%v of %d", r, r.Len())
	}
}
