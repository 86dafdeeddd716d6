package keyed

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// written is a shelf with a list of one row for each of so many keys.
func written(t *testing.T, keys int) *shelf {
	t.Helper()
	n := newNumbers(t, 0, &shelf{m: map[string]string{}}, 0)
	for i := range keys {
		row := int64(i)
		n.list.Append(n.slot(t, fmt.Sprint("key ", i)), &row)
	}
	n.checkpoint(t)
	return n.below
}

// find looks for keys as an operator does, and reports whether anything had to be read.
func (n *numbers) find(t *testing.T, fail error, keys ...string) (slots []Slot, read bool) {
	t.Helper()
	slots = make([]Slot, len(keys))
	var hashes []uint64
	for _, k := range keys {
		hashes = append(hashes, n.store.Hash(k))
	}
	a := n.store.Find(keys, hashes, slots)
	if a == nil {
		return slots, false
	}
	c := n.store.CountBeside()
	must(t, a.Read(t.Context(), n.below))
	must(t, n.store.Take(a))
	if c == nil {
		return slots, true
	}
	if again := n.store.CountBeside(); again != nil {
		t.Error("a second part of the census is read beside the first")
	}
	n.below.fail = fail
	c.Read(t.Context(), n.below)
	n.below.fail = nil
	if err := n.store.Counted(c); !errors.Is(err, fail) {
		t.Fatalf("%v, want %v", err, fail)
	}
	return slots, true
}

func TestAfterARestoreKeysThatComeForTheFirstTimeAreSoonLookedForNowhere(t *testing.T) {
	const keys = 3500
	n := newNumbers(t, 0, written(t, keys), 1)
	for i := range censusAfter {
		n.find(t, nil, fmt.Sprint("early ", i))
	}
	if n.store.remembered > 0 {
		t.Fatal("the census begins with the first keys")
	}
	rounds := 0
	for ; n.store.filtering == counting && rounds < 10; rounds++ {
		var fail error
		if rounds == 1 {
			fail = errors.New("broken") // a part of the census, which is read again
		}
		if _, read := n.find(t, fail, fmt.Sprint("new ", rounds)); !read {
			t.Fatal("a new key is known to be nowhere before all keys are known")
		}
	}
	if want := 1 + 1 + keys/censusEntries + 1; rounds != want || n.store.filtering != complete {
		t.Errorf("after %d rounds it is %d, want %d rounds", rounds, n.store.filtering, want)
	}
	n.below.read()
	if _, read := n.find(t, nil, "another", "and another"); read {
		t.Error("new keys are looked for")
	}
	if got := n.below.read(); got != "0 reads, 0 scans" {
		t.Error(got)
	}
	for i := range keys {
		slots, _ := n.find(t, nil, fmt.Sprint("key ", i))
		if rows, err := listed(n.store, n.list, slots[0]); fmt.Sprint(rows) != fmt.Sprintf("[%d]", i) || err != nil {
			t.Fatalf("key %d has %v, %v", i, rows, err)
		}
	}
}

func TestAStoreThatFindsItsKeysHasNoCensus(t *testing.T) {
	n := newNumbers(t, 0, written(t, 50), 1)
	n.store.census.vain = censusAfter
	for i := range 50 {
		n.slot(t, fmt.Sprint("key ", i)) // as others than operators with rows in flight do
	}
	if n.store.remembered > 0 || n.store.census.next != nil {
		t.Error("a census has begun")
	}
}

func TestKeysThatAreFoundOweTheCensusNothing(t *testing.T) {
	const keys = 3 * censusAfter
	before := newCounter(t, 0)
	for from := int64(0); from < keys; from += 500 {
		before.add(t, batchOf(from)...)
	}
	before.checkpoint(t)
	c := openCounter(t, 0, before.below)
	find := func(key int64) *Census {
		a := c.store.Find([]int64{key}, []uint64{c.store.Hash(key)}, make([]Slot, 1))
		must(t, a.Read(t.Context(), c.below))
		must(t, c.store.Take(a))
		return c.store.CountBeside()
	}
	for key := range int64(keys) {
		if find(key) != nil {
			t.Fatalf("a census has begun after %d keys that were all found", key+1)
		}
	}
	for key := range int64(censusAfter) {
		if find(keys+key) != nil {
			t.Fatalf("a census has begun after %d keys that were not", key+1)
		}
	}
	census := find(2 * keys)
	if census == nil || census.entries != censusEntries {
		t.Fatalf("after so many it is %+v", census)
	}
}

func TestACensusReportsWhatIsNoKey(t *testing.T) {
	n := newNumbers(t, 0, written(t, 5), 1)
	n.store.census.vain = censusAfter
	for k, v := range n.below.m {
		n.below.m[k[:prefixLen]+"\xff"] = v
	}
	slots := make([]Slot, 1)
	a := n.store.Find([]string{"new"}, []uint64{n.store.Hash("new")}, slots)
	must(t, a.Read(t.Context(), n.below))
	must(t, n.store.Take(a))
	c := n.store.CountBeside()
	c.Read(t.Context(), n.below)
	if err := n.store.Counted(c); base.KindOf(err) != base.Corrupt {
		t.Errorf("%v", err)
	}
}
