package keyed

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

var errDown = errors.New("down")

func TestAKeyThatIsMissingTwiceInABatchIsReadOnce(t *testing.T) {
	c := newCounter(t, 0)
	c.add(t, 1, 2, 3)
	c.checkpoint(t)
	c = c.reopened(t)
	slots := c.lookup(t, 3, 1, 3, 9, 1, 9) // the shelf refuses keys that do not ascend
	if got := c.below.read(); got != "3 reads, 0 scans" {
		t.Errorf("%s", got)
	}
	if slots[0] != slots[2] || slots[1] != slots[4] || slots[3] != slots[5] {
		t.Errorf("slots %v", slots)
	}
	for i, want := range []string{"1 true", "1 true", "1 true", "0 false"} {
		n, ok := c.n.Get(slots[i])
		if got := fmt.Sprint(n, " ", ok); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
	c.lookup(t, 1, 3)
	if got := c.below.read(); got != "0 reads, 0 scans" {
		t.Errorf("what is in memory was read again: %s", got)
	}
}

// Only values are read with their keys. What has entries of its own is not looked for under the key alone.
func TestAMissingKeyIsLookedForOnceForEachValueState(t *testing.T) {
	s := entire(t)
	n := int64(1)
	s.value.Set(s.slots(t, "a")[0], &n)
	s = s.reopened(t, 0)
	s.slots(t, "a", "b")
	if got := s.below.read(); got != "4 reads, 0 scans" {
		t.Errorf("%s for two keys of a store with two value states", got)
	}
}

func TestKeysOfAStoreWithoutValuesAreNotLookedFor(t *testing.T) {
	below := &shelf{m: map[string]string{"x": "y"}}
	s, err := NewStore[string](Config{
		MaxParallelism: 1, Groups: base.KeyGroupRange{End: 1}, Context: t.Context(), Below: below, Restored: true,
	})
	must(t, err)
	_, err = NewMap[int64, int64](s, "map")
	must(t, err)
	_, err = NewSum(s, "sum", func(_, _ *int64) {})
	must(t, err)
	below.fail = errDown
	var slots [2]Slot
	must(t, s.Lookup([]string{"a", "b"}, []uint64{s.Hash("a"), s.Hash("b")}, slots[:]))
	if got := below.read(); got != "0 reads, 0 scans" {
		t.Errorf("%s", got)
	}
}

// Each kind of read fails once, says where, and is right when it is tried again.
func TestAReadThatFailsIsReportedAndMayBeTriedAgain(t *testing.T) {
	s := entire(t)
	a := s.slots(t, "a")[0]
	n := int64(1)
	s.value.Set(a, &n)
	s.entry.Set(a, 5, "five")
	s.timers.Register(a, 7)
	acc, _ := s.sum.Part(a)
	*acc = "sum"
	row := "row"
	s.list.Append(a, &row)
	s.into(t, 3, 1, "a")
	s = s.reopened(t, 0)
	a = s.slots(t, "a")[0]
	for _, read := range []struct {
		name string
		do   func() (any, error)
		want string
	}{
		{"entry", func() (any, error) { v, _, err := s.entry.Get(a, 5); return v, err }, "five"},
		{"length", func() (any, error) { n, err := s.entry.Len(a); return n, err }, "1"},
		{"list", func() (any, error) { rows, err := listed(s.store, s.list, a); return rows, err }, "[row]"},
		{"sum", func() (any, error) {
			acc, ok, err := s.sum.Get(a)
			if !ok {
				return nil, err
			}
			return *acc, err
		}, "sum"},
		{"pane", func() (any, error) {
			return nil, s.panes.Pane(3).Each(s.store.partOf(a), func(*string, *int64) error { return nil })
		},
			"<nil>"},
		{"accumulator", func() (any, error) {
			acc, err := s.panes.Pane(3).Find("a", s.store.Hash("a"))
			if acc == nil {
				return nil, err
			}
			return *acc, err
		}, "1"},
		{"timers", func() (any, error) {
			fired := int64(0)
			err := s.timers.Pop(7, func(_ Slot, time int64) error { fired += time; return nil })
			return fired, err
		}, "7"},
	} {
		s.below.fail = errDown
		if _, err := read.do(); !errors.Is(err, errDown) || err.Error() != `operator "subject": read state: down` {
			t.Errorf("%s: %v", read.name, err)
		}
		s.below.fail = nil
		if got, err := read.do(); fmt.Sprint(got) != read.want || err != nil {
			t.Errorf("%s: %v, %v, want %s", read.name, got, err, read.want)
		}
	}
}

func TestADamagedEntryIsReported(t *testing.T) {
	s := entire(t)
	a := s.slots(t, "a")[0]
	acc, _ := s.sum.Part(a)
	*acc = "sum"
	row := "row"
	s.list.Append(a, &row)
	s.entry.Set(a, 5, "five")
	s = s.reopened(t, 0)
	for k := range s.below.m {
		s.below.m[k] = ""
	}
	a = s.slots(t, "a")[0]
	_, _, entry := s.entry.Get(a, 5)
	_, list := listed(s.store, s.list, a)
	_, _, sum := s.sum.Get(a)
	for name, err := range map[string]error{"entry": entry, "list": list, "sum": sum} {
		if base.KindOf(err) != base.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}
