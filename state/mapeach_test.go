package state

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

// upTo yields the numbers up to one, that one included.
func upTo(n int64) func(yield func(int64) bool) {
	return func(yield func(int64) bool) {
		for i := int64(0); i <= n && yield(i); i++ {
		}
	}
}

func TestEntriesAreVisitedInTheOrderOfTheirKeysAndReadTogether(t *testing.T) {
	kindsOfTime(t, func(t *testing.T, options ...Option) {
		s := below(t, options...)
		var all []string
		visit := func(key int64, v *string) bool {
			all = append(all, fmt.Sprint(key, " ", *v))
			return true
		}
		if err := s.m.Each(s.ctx, slices.Values([]int64{7, 9999, 3, 7, -1}), visit); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(all); got != "[7 entry 7 3 entry 3 7 entry 7]" {
			t.Error(got)
		}
		s.expectRead("4 keys in 1 reads, 0 scans")
		all = nil
		if err := s.m.Each(s.ctx, upTo(2*flow.MaxReads), visit); err != nil || len(all) != 900 {
			t.Errorf("%d entries, %v", len(all), err)
		}
		s.expectRead("2047 keys in 3 reads, 0 scans") // but for 3 and 7, in groups of 1024
	})
}

func TestWhatIsInMemoryIsVisitedWithoutReading(t *testing.T) {
	kindsOfTime(t, func(t *testing.T, options ...Option) {
		s := below(t, options...)
		ctx := s.ctx
		if err := errors.Join(s.m.Set(ctx, 1, "new"), s.m.Remove(ctx, 2)); err != nil {
			t.Fatal(err)
		}
		got := ""
		err := s.m.Each(ctx, slices.Values([]int64{1, 2}), func(_ int64, v *string) bool { got += *v; return true })
		if got != "new" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		s.expectRead("0 keys in 0 reads, 0 scans")
	})
}

func TestAVisitEndsWhenItWantsNoMore(t *testing.T) {
	s := below(t)
	for _, want := range []string{"1024 keys in 1 reads, 0 scans", "0 keys in 0 reads, 0 scans"} {
		n := 0
		if err := s.m.Each(s.ctx, upTo(5000), func(int64, *string) bool { n++; return n < 3 }); err != nil || n != 3 {
			t.Errorf("%d entries, %v", n, err)
		}
		s.expectRead(want)
	}
}

func TestAVisitSeesWhatItHasChanged(t *testing.T) {
	s := below(t)
	got, numbers := "", slices.Values([]int64{1, 2, 3, 4})
	err := s.m.Each(s.ctx, numbers, func(key int64, v *string) bool {
		got += fmt.Sprint(key, *v, " ")
		return key > 1 || errors.Join(s.m.Remove(s.ctx, 2), s.m.Set(s.ctx, 3, " anew")) == nil
	})
	if got != "1entry 1 3 anew 4entry 4 " || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestEntriesThatCannotBeReadAreAnError(t *testing.T) {
	s := below(t)
	s.below.fail = errors.New("down")
	err := s.m.Each(s.ctx, upTo(3), func(int64, *string) bool { t.Error("one is visited"); return true })
	if !errors.Is(err, s.below.fail) {
		t.Error(err)
	}
	s.ctx.Leave()
	if err := s.m.Each(s.ctx, upTo(3), nil); !errors.Is(err, flow.ErrOutsideCall) {
		t.Error(err)
	}
}

// Joins visit all partners of a row.
func TestAVisitInMemoryAllocatesNothingForAnEntry(t *testing.T) {
	d := newDesk(t)
	m := must(NewMap[int64, [4]int64](d.scope, "map"))
	ctx := d.at("a")
	for n := range int64(1000) {
		if err := m.Set(ctx, n, [4]int64{n}); err != nil {
			t.Fatal(err)
		}
	}
	sum := int64(0)
	n := testing.AllocsPerRun(20, func() {
		if err := m.Each(ctx, upTo(999), func(_ int64, v *[4]int64) bool { sum += v[0]; return true }); err != nil {
			t.Fatal(err)
		}
	})
	if n > 5 || sum == 0 {
		t.Errorf("%v allocations for 1000 entries", n)
	}
}
