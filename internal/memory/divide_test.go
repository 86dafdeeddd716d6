package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

const (
	mb = 1 << 20
	gb = 1 << 30
)

// process is one that uses what it is given: its tables want so much, its blocks, and the rest takes some.
type process struct {
	wantsTables, wantsBlocks, rest int64
	tables, blocks                 int64
	pointers                       bool // in tables
}

// after lets a process go on through so many collections and returns its last shares.
func (p *process) after(collections int, limit int64, s Shares) Shares {
	for range collections {
		p.tables = max(p.tables, min(p.wantsTables, s.Tables)) // which do not give memory back
		p.blocks = min(p.wantsBlocks, s.Blocks)
		u := Use{Live: p.rest + p.tables + p.blocks, Scan: p.rest, Tables: p.tables, Blocks: p.blocks}
		if p.pointers {
			u.Scan += p.tables
		}
		s = divide(limit, u, s)
	}
	return s
}

func TestWhatIsAliveIsKeptToThreeFifthsBesidePointers(t *testing.T) {
	most := func(limit int64) int64 { return limit / 5 * 3 }
	for _, limit := range []int64{256 * mb, gb, 16 * gb} {
		for _, rest := range []int64{20 * mb, limit / 10, limit / 4} {
			for _, p := range []process{
				{limit, limit, rest, 0, 0, true}, {limit, 10 * mb, rest, 0, 0, true}, {limit / 2, limit, rest, 0, 0, true},
				{limit / 2, limit / 4, rest, 0, 0, true},
			} {
				s := p.after(100, limit, first(limit))
				if live := p.rest + p.tables + p.blocks; live > most(limit) {
					t.Errorf("%d MB: %+v: %d MB are alive", limit/mb, p, live/mb)
				}
				if s.Tables+s.Blocks+rest > most(limit)+mb {
					t.Errorf("%d MB: %+v has shares %+v", limit/mb, p, s)
				}
			}
		}
	}
}

func TestTablesWithoutPointersLeaveOneFifthOfMuchMemoryFree(t *testing.T) {
	for limit, want := range map[int64]int64{
		200 * mb: 120 * mb, gb: 640 * mb, 2 * gb: 1536 * mb, 16 * gb: 16 * gb / 5 * 4,
	} {
		p := process{wantsTables: limit, wantsBlocks: limit, rest: 30 * mb}
		p.after(200, limit, first(limit))
		if live := p.rest + p.tables + p.blocks; live > want || live < want/10*9 {
			t.Errorf("%d MB: %d MB are alive, want %d", limit/mb, live/mb, want/mb)
		}
	}
}

func TestWhatOneDoesNotNeedTheOtherHas(t *testing.T) {
	const limit, rest = gb, 50 * mb
	pool := alive(limit, limit) - rest
	for _, c := range []struct {
		process
		tables, blocks int64 // at least
	}{
		{process{limit, limit, rest, 0, 0, true}, pool / 10 * 7, pool / 10 * 2},
		{process{limit, mb, rest, 0, 0, true}, pool / 10 * 8, leastBlocks},
		{process{20 * mb, limit, rest, 0, 0, true}, 20 * mb, pool / 4 * 3},
		{process{pool / 2, pool / 4, rest, 0, 0, true}, pool / 2, pool / 4},
	} {
		s := c.after(100, limit, first(limit))
		if c.process.tables < min(c.tables, c.wantsTables) || s.Blocks < c.blocks {
			t.Errorf("%+v has shares of %d and %d MB, want %d and %d", c.process, s.Tables/mb, s.Blocks/mb, c.tables/mb,
				c.blocks/mb)
		}
	}
}

func TestSharesAreNeverLessThanTheLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		limit := rng.Int64N(1 << rng.IntN(45) << 1)
		u := Use{rng.Int64N(1 << 40), rng.Int64N(1 << 40), rng.Int64N(1 << 35), rng.Int64N(1 << 35)}
		before := Shares{1 + rng.Int64N(1<<35), 1 + rng.Int64N(1<<35)}
		l := least(limit)
		for _, s := range []Shares{divide(limit, u, before), first(limit)} {
			if s.Tables < l.Tables || s.Blocks < l.Blocks {
				t.Fatalf("limit %d, use %+v, before %+v: %+v", limit, u, before, s)
			}
		}
	}
}

func TestALowerLimitTakesSharesBackAndAHigherOneGivesThemInSteps(t *testing.T) {
	p := process{wantsTables: 8 * gb, wantsBlocks: 8 * gb, rest: 100 * mb}
	s := p.after(100, gb, first(gb))
	high := p.after(1, 4*gb, s)
	if high.Tables > max(s.Tables/8*9+mb, least(4*gb).Tables) {
		t.Errorf("from %d to %d MB in one step", s.Tables/mb, high.Tables/mb)
	}
	high = p.after(100, 4*gb, high)
	if high.Tables < gb {
		t.Errorf("%d MB of tables with 4 GB", high.Tables/mb)
	}
	low := p.after(1, gb, high)
	if want := fmt.Sprint(low.Tables < gb/2, low.Blocks < gb/2); want != "true true" {
		t.Errorf("with 1 GB again the shares are %+v", low)
	}
}
