package state

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// shelf has one state of each kind, all with one time-to-live, and writes and reads them as text.
type shelf struct {
	*desk
	value Value[string]
	m     Map[int, string]
	list  List[string]
	sum   Reducing[string]
	agg   Aggregating[string, string, string]
}

var concatenated = flow.Aggregator[string, string, string]{
	Add: func(acc, row *string) { *acc += *row }, Merge: func(into, from *string) { *into += *from },
	Result: func(acc *string) string { return *acc },
}

func newShelf(t *testing.T, o Option) *shelf {
	s := &shelf{desk: newDesk(t)}
	s.value = must(NewValue[string](s.scope, "value", o))
	s.m = must(NewMap[int, string](s.scope, "map", o))
	s.list = must(NewList[string](s.scope, "list", o))
	s.sum = must(NewReducing(s.scope, "sum", func(into, v *string) { *into += *v }, o))
	s.agg = must(NewAggregating(s.scope, "agg", concatenated, o))
	return s
}

// write writes to all states of a key at a time.
func (s *shelf) write(second int64, text string) {
	s.store.At(second * 1000)
	ctx := s.at("a")
	for _, err := range []error{
		s.value.Set(ctx, text), s.m.Set(ctx, 1, text), s.list.Append(ctx, text), s.sum.Add(ctx, text), s.agg.Add(ctx, text),
	} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// read is what all states of a key have at a time: value, map, list, sum and aggregate.
func (s *shelf) read(second int64) string {
	s.store.At(second * 1000)
	ctx := s.at("a")
	value, _, err1 := s.value.Get(ctx)
	entry, _, err2 := s.m.Get(ctx, 1)
	rows, err3 := s.list.All(ctx)
	sum, _, err4 := s.sum.Get(ctx)
	agg, _, err5 := s.agg.Get(ctx)
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
	list, visited := strings.Join(slices.Collect(rows), ""), ""
	if err := s.list.Each(ctx, func(row *string) bool { visited += *row; return true }); err != nil || visited != list {
		s.t.Fatalf("%q was visited, %v, %q yielded", visited, err, list)
	}
	return strings.Join([]string{value, entry, list, sum, agg}, " ")
}

func (s *shelf) mustRead(second int64, want string) {
	s.t.Helper()
	if got := s.read(second); got != want {
		s.t.Errorf("at second %d: %q, want %q", second, got, want)
	}
}

const nothing = "    "

func TestWhatIsNotWrittenForItsTimeIsGone(t *testing.T) {
	s := newShelf(t, TTL(10*time.Second))
	s.write(100, "x")
	s.mustRead(109, "x x x x x")
	s.mustRead(110, nothing)
}

func TestAWriteBeginsTheTimeAnewButForTheOtherRowsOfAList(t *testing.T) {
	s := newShelf(t, TTL(10*time.Second))
	s.write(100, "x")
	s.write(108, "y")
	s.mustRead(109, "y y xy xy xy")
	s.mustRead(117, "y y y xy xy")
	s.mustRead(118, nothing)
}

func TestAReadBeginsTheTimeAnewIfThatIsWanted(t *testing.T) {
	s := newShelf(t, TTL(10*time.Second).RefreshOnRead())
	s.write(100, "x")
	s.mustRead(109, "x x x x x")
	s.mustRead(118, "x x x x x")
	s.mustRead(128, nothing)
}

func TestTheTimeIsCountedFromTheFirstWriteIfThatIsWanted(t *testing.T) {
	s := newShelf(t, TTL(10*time.Second).FromCreation())
	s.write(100, "x")
	s.write(108, "y")
	s.mustRead(109, "y y xy xy xy")
	s.mustRead(110, "  y  ")
	s.write(111, "z")
	s.mustRead(117, "z z yz z z")
	s.mustRead(120, "z z z z z")
	s.mustRead(121, nothing)
}

func TestWhatIsWrittenAfterTheTimeIsNew(t *testing.T) {
	s := newShelf(t, TTL(10*time.Second))
	s.write(100, "x")
	s.write(110, "y")
	s.mustRead(119, "y y y y y")
	ctx := s.at("a")
	if err := s.value.Update(ctx, func(v *string) { *v += "!" }); err != nil {
		t.Fatal(err)
	}
	s.mustRead(120, "y!    ")
	s.store.At(200_000)
	if err := s.value.Update(s.at("a"), func(v *string) { *v += "?" }); err != nil {
		t.Fatal(err)
	}
	s.mustRead(200, "?    ")
}

func TestAMapAndAListCountAndShowWhatHasNotExpired(t *testing.T) {
	s := newShelf(t, TTL(10*time.Second))
	for i, second := range []int64{100, 104, 108} {
		s.store.At(second * 1000)
		ctx := s.at("a")
		if err := s.m.Set(ctx, i, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if err := s.list.AppendAll(ctx, []string{"a", "b"}); err != nil {
			t.Fatal(err)
		}
	}
	s.store.At(110_000)
	ctx := s.at("a")
	if n, m := must(s.m.Len(ctx)), must(s.list.Len(ctx)); n != 2 || m != 4 {
		t.Errorf("%d entries and %d rows, want 2 and 4", n, m)
	}
	for k := range must(s.m.All(ctx)) {
		if k == 0 {
			t.Error("an entry that has expired is shown")
		}
	}
}

func TestWhatIsClearedIsGoneBeforeItsTime(t *testing.T) {
	s := newShelf(t, TTL(10*time.Second))
	s.write(100, "x")
	ctx := s.at("a")
	for _, err := range []error{
		s.value.Clear(ctx), s.m.Remove(ctx, 1), s.list.Clear(ctx), s.sum.Clear(ctx), s.agg.Clear(ctx),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.mustRead(101, nothing)
	s.write(102, "y")
	ctx = s.at("a")
	if err := s.m.Clear(ctx); err != nil {
		t.Fatal(err)
	}
	s.mustRead(103, "y  y y y")
}

func TestMemoryIsFreeOfWhatHasExpiredAfterASweep(t *testing.T) {
	s := newShelf(t, TTL(10*time.Second))
	s.write(100, "x")
	s.store.At(110_000)
	for range keyed.Rounds {
		s.store.Sweep()
	}
	if n := s.store.Counts().Expired; n != 5 {
		t.Errorf("%d entries were removed, want 5", n)
	}
	s.mustRead(105, nothing) // it would still be there by this clock
}

func TestATimeToLiveOfNothingIsAMistake(t *testing.T) {
	d := newDesk(t)
	for _, ttl := range []time.Duration{0, -time.Second, time.Microsecond} {
		_, err := NewValue[int](d.scope, "v", TTL(ttl))
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), `"v"`) {
			t.Errorf("%v: %v", ttl, err)
		}
		_, err = NewReducing(d.scope, "r", func(into, v *int) { *into += *v }, TTL(ttl))
		if base.KindOf(err) != base.Config {
			t.Errorf("%v: %v", ttl, err)
		}
	}
}
