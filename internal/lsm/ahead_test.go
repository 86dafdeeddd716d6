package lsm

import (
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func TestWhatCompactionsReadAheadIsAFifthOfMemory(t *testing.T) {
	for memory := int64(64 * mib); memory <= 64<<30; memory += memory / 3 {
		for _, compactions := range []int{2, 3, 5, 17} {
			a := aheadWithin(memory, compactions)
			takes := int64(compactions) * int64(a.sublevels) * min(readAhead, a.tableSize)
			if takes > memory/5 && a.tableSize > leastTableSize {
				t.Errorf("%d MiB, %d compactions: %+v: %d MiB", memory/mib, compactions, a, takes/mib)
			}
			if a.sublevels < leastDeep || a.sublevels > deepest || a.tableSize < leastTableSize || a.tableSize > MaxTableSize {
				t.Errorf("%d MiB, %d compactions: %+v", memory/mib, compactions, a)
			}
		}
	}
	for _, c := range []struct {
		memory int64
		want   ahead
	}{
		{64 * mib, ahead{leastDeep, 64 * mib / 120}},
		{500 * mib, ahead{leastDeep, 500 * mib / 120}},
		{1280 * mib, ahead{16, MaxTableSize}},
		{16 << 30, ahead{deepest, MaxTableSize}},
	} {
		if got := aheadWithin(c.memory, 2); got != c.want {
			t.Errorf("%d MiB: %+v, want %+v", c.memory/mib, got, c.want)
		}
	}
}

func TestAShardThatMayBeLessDeepIsBehindSooner(t *testing.T) {
	res, err := NewResources(mem.New(), mib, 1, 1)
	must(t, err)
	defer res.Close()
	if res.TableSize() != MaxTableSize || res.deepest() != deepest || res.scaled(6) != 6 {
		t.Errorf("with any memory: tables of %d bytes, %d sublevels", res.TableSize(), res.deepest())
	}
	res.Within(512 * mib)
	if res.TableSize() != 512*mib/120 || res.deepest() != deepest/2 || res.scaled(6) != 12 {
		t.Errorf("with half a gigabyte: tables of %d bytes, %d sublevels, 6 of which count as %d",
			res.TableSize(), res.deepest(), res.scaled(6))
	}
	res.Within(64 << 30)
	if res.TableSize() != MaxTableSize || res.deepest() != deepest || res.scaled(6) != 6 {
		t.Errorf("with much memory again: tables of %d bytes, %d sublevels", res.TableSize(), res.deepest())
	}
}
