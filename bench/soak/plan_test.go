package soak

import (
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// plans are some that are small enough to be walked.
func plans() []Plan {
	return []Plan{
		{Parts: 1, Keys: 1, Passes: 3, Share: 1}, {Parts: 2, Keys: 100, Passes: 6, Share: 4, Payload: 10},
		{Parts: 3, Keys: 103, Passes: 11, Share: 4, Payload: 10}, {Parts: 1, Keys: 64, Passes: 0, Share: 2},
	}
}

func TestEachVisitFindsAsManyAsWentBefore(t *testing.T) {
	for _, p := range plans() {
		visits := map[int64]int64{}
		for row := range p.Rows() {
			v := p.At(row)
			if v.Before != visits[v.Key] || v.Key < 0 || v.Key >= p.Parts*p.Keys {
				t.Fatalf("%+v: row %d is %+v, but the key has been visited %d times", p, row, v, visits[v.Key])
			}
			if v.Key/p.Keys != row/p.PartRows() {
				t.Fatalf("%+v: row %d visits key %d of another part", p, row, v.Key)
			}
			visits[v.Key]++
		}
		if int64(len(visits)) != p.Parts*p.Keys {
			t.Errorf("%+v visits %d keys", p, len(visits))
		}
	}
}

func TestEveryKeyIsVisitedAgainWhenPassesAreEnough(t *testing.T) {
	p := Options{Bytes: 200_000, Payload: 1000, Passes: share}.Plan()
	visits := map[int64]int64{}
	for row := range p.Rows() {
		visits[p.At(row).Key]++
	}
	for key, n := range visits {
		if n < 2 {
			t.Errorf("key %d is visited %d times", key, n)
		}
	}
	if p.Bytes() != 200_000 {
		t.Errorf("%d bytes", p.Bytes())
	}
}

func TestAShuffleIsAPermutationAndAnotherForEachSeed(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 64, 65, 1000} {
		var orders [][]int64
		for seed := range uint64(2) {
			var order []int64
			for i := range n {
				order = append(order, shuffle(n, seed, i))
			}
			orders = append(orders, order)
			sorted := slices.Sorted(slices.Values(order))
			for i, x := range sorted {
				if x != int64(i) {
					t.Fatalf("%d numbers, seed %d: %v", n, seed, sorted)
				}
			}
		}
		if n > 3 && (slices.Equal(orders[0], orders[1]) || slices.IsSorted(orders[0])) {
			t.Errorf("%d numbers: orders %v", n, orders)
		}
	}
}

func TestTotalsSumUpAllRows(t *testing.T) {
	for _, p := range plans() {
		rows := int64(0)
		for i, total := range p.Totals() {
			if rows += total.Visits; total.Bucket != int64(i) || total.Sum == 0 {
				t.Errorf("%+v: %+v", p, total)
			}
		}
		if rows != p.Rows() {
			t.Errorf("%+v: %d of %d rows", p, rows, p.Rows())
		}
	}
}

func TestAPlanSurvivesItsTextAndMistakesAreRefused(t *testing.T) {
	for _, p := range plans() {
		if got, err := ParsePlan(p.Text()); err != nil || got != p {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, text := range []string{"", "{", "{}", `{"parts":1,"keys":3,"share":4}`, `{"parts":1,"keys":3,"share":1,"passes":-1}`} {
		if _, err := ParsePlan(text); base.KindOf(err) != base.Config {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestARecordIsRightForItsKeyAndVisitOnly(t *testing.T) {
	r := recordOf(7, 3, 100)
	if err := r.check(7, 3, 100); err != nil {
		t.Error(err)
	}
	if err := (Record{}).check(7, 0, 100); err != nil {
		t.Errorf("before the first visit: %v", err)
	}
	flipped := recordOf(7, 3, 100)
	flipped.Payload[50] ^= 1
	stale := recordOf(7, 2, 100)
	stale.Count = 3
	for want, wrong := range map[string]Record{
		"visited 2 times, want 3": recordOf(7, 2, 100), "not that of visit 3": flipped, "payload of 99": recordOf(7, 3, 99),
		"visited 0 times": {}, "payload of 100 bytes is not": stale, "key 7: ": recordOf(8, 3, 100),
	} {
		if err := wrong.check(7, 3, 100); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestOptionsThatProveNothingAreRefused(t *testing.T) {
	if err := options().Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Options){
		"bytes": func(o *Options) { o.Bytes = 1000 }, "passes": func(o *Options) { o.Passes = 3 }, "memory": func(o *Options) { o.Memory = 0 },
		"interval": func(o *Options) { o.Interval = 0 }, "spread": func(o *Options) { o.Spread = 0 },
		"kills": func(o *Options) { o.Kills = -1 },
	} {
		o := options()
		change(&o)
		if base.KindOf(o.Check()) != base.Config {
			t.Errorf("%s is not refused: %v", name, o.Check())
		}
	}
}
