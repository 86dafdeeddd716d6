package keyed

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Without the strings the pages of all keys would fit; of the longer ones a page for each part would not.
func TestLongStringsKeepToTheBudget(t *testing.T) {
	const limit = 4 << 20
	for _, c := range []struct{ length, keys, parts, between int }{
		{length: 2000, keys: 20_000, parts: maxP, between: 500},
		{length: 20_000, keys: 4000, parts: 128, between: 30},
	} {
		t.Run(fmt.Sprint(c.length), func(t *testing.T) {
			s := openWith(t, base.KeyGroupRange{End: base.KeyGroup(c.parts)}, c.parts, limit, &shelf{m: map[string]string{}}, &onItsWay{})
			most := 0
			for i := range c.keys {
				slot, _ := s.slot(t, fmt.Sprint("long-", i))
				v := strings.Repeat("x", c.length)
				s.name.Set(slot, &v)
				if i%c.between == 0 {
					s.checkpoint(t)
					most = max(most, c.length*s.named())
				}
			}
			if now := c.length * s.named(); most > 2*limit || now < limit/8 {
				t.Errorf("at most %d and in the end %d bytes are in memory, the limit is %d", most, now, limit)
			}
			if used := s.store.Bytes(); used < int64(c.length*s.named())/2 {
				t.Errorf("the store says that it takes %d bytes, with %d of strings", used, c.length*s.named())
			}
		})
	}
}

func TestLongStringsAreForgottenWhenTheBudgetBecomesLess(t *testing.T) {
	const most, least, length = 16 << 20, 4 << 20, 20_000
	s := openWith(t, base.KeyGroupRange{End: 128}, 128, most, &shelf{m: map[string]string{}}, &onItsWay{})
	for i := range most / length {
		slot, _ := s.slot(t, fmt.Sprint("long-", i))
		v := strings.Repeat("x", length)
		s.name.Set(slot, &v)
	}
	s.store.Budget.SetLimit(least)
	s.slots(t, "long-1")
	if now := s.named() * length; now < most/2 {
		t.Errorf("%d bytes are left of what nobody else has", now)
	}
	s.checkpoint(t)
	s.slots(t, "long-1")
	if now := s.named() * length; now > least/8*9 || now < least/2 {
		t.Errorf("%d bytes are in memory, the limit is %d", now, least)
	}
}

func TestAKeyWithLongStringsGoesWithItsFewMapEntries(t *testing.T) {
	const limit, length = 8 << 20, 20_000
	s := openWith(t, base.KeyGroupRange{End: 16}, 16, limit, &shelf{m: map[string]string{}}, &onItsWay{})
	const keys = 4 * limit / length
	v, small := strings.Repeat("x", length), "entry"
	row := "row"
	for i := range keys {
		slot, _ := s.slot(t, fmt.Sprint("long-", i))
		s.name.Set(slot, &v)
		s.entry.Set(slot, int64(i), small)
		s.entry.Set(slot, int64(-i), small)
		s.list.Append(slot, &row)
		if i%20 == 0 {
			s.checkpoint(t)
		}
	}
	s.checkpoint(t)
	s.slots(t, "long-0")
	if now := s.named() * length; now > limit/4*5 {
		t.Errorf("%d bytes are in memory, the limit is %d", now, limit)
	}
	for i := range keys {
		slot, _ := s.slot(t, fmt.Sprint("long-", i))
		got, ok, err := s.entry.Get(slot, int64(-i))
		rows, err2 := s.list.Len(slot)
		if err != nil || err2 != nil || !ok || got != small || rows != 1 {
			t.Fatalf("key %d: entry %q, %t, %d rows, %v, %v", i, got, ok, rows, err, err2)
		}
	}
}

func TestKeysWithLongStringsGoWithTheirTimersWhichFireInTheirTurn(t *testing.T) {
	const limit, length = 8 << 20, 20_000
	s := openWith(t, base.KeyGroupRange{End: 16}, 16, limit, &shelf{m: map[string]string{}}, &onItsWay{})
	const keys = 4 * limit / length
	v := strings.Repeat("x", length)
	for i := range keys {
		slot, _ := s.slot(t, fmt.Sprint("long-", i))
		s.name.Set(slot, &v)
		s.timers.Register(slot, int64(10*i))
		if i%20 == 0 {
			s.checkpoint(t)
		}
	}
	s.checkpoint(t)
	s.slots(t, "long-0")
	if now := s.named() * length; now > limit/4*5 {
		t.Errorf("%d bytes are in memory, the limit is %d", now, limit)
	}
	fired, most := 0, 0
	must(t, s.timers.Pop(10*keys, func(slot Slot, time int64) error {
		if got, _ := s.name.Get(slot); time != int64(10*fired) || got != v {
			return fmt.Errorf("timer %d is of %d, with %d bytes", fired, time, len(got))
		}
		most = max(most, s.named()*length)
		if fired++; fired%20 == 0 {
			s.checkpoint(t)
			s.store.Unpin()
		}
		return nil
	}))
	if most > 2*limit {
		t.Errorf("%d bytes are in memory while timers fire, the limit is %d", most, limit)
	}
	if fired != keys {
		t.Errorf("%d timers of %d have fired", fired, keys)
	}
}

// Keys have taken all the pages there are when lists begin to come and go. A list that waits for a while stays in memory:
// its part of the budget is not the pages'.
func TestShortListsStayInMemoryThatIsFullOfKeys(t *testing.T) {
	const limit = 4 << 20
	s := openWith(t, base.KeyGroupRange{End: 16}, 16, limit, &shelf{m: map[string]string{}}, &onItsWay{})
	row, value := strings.Repeat("x", 20), int64(1)
	for round := range 100 {
		for i := range 1000 {
			slot, _ := s.slot(t, fmt.Sprint("key-", round, "-", i))
			s.value.Set(slot, &value)
		}
		s.checkpoint(t)
		for i := range 50 {
			slot, _ := s.slot(t, fmt.Sprint("key-", round, "-", i))
			s.list.Append(slot, &row)
			if before := fmt.Sprint("key-", round-1, "-", i); round > 0 {
				slot, _ := s.slot(t, before)
				n, err := s.list.Len(slot)
				must(t, err)
				if n != 1 {
					t.Fatalf("round %d: list %d of the last has %d rows", round, i, n)
				}
				must(t, s.list.Clear(slot))
			}
		}
	}
	if c := s.store.Counts(); c.Evicted < 10_000 || c.Scans > 200 {
		t.Errorf("%d keys were forgotten, and %d of %d lists read again", c.Evicted, c.Scans, 50*99)
	}
}

// A snapshot that is being written has something of every page: what the others of its slots have is forgotten all the
// same, and what it has it writes.
func TestLongStringsAreForgottenWhileASnapshotIsBeingWritten(t *testing.T) {
	const most, least, length, keys = 64 << 20, 1 << 20, 20_000, 800
	s := openWith(t, base.KeyGroupRange{End: 4}, 4, most, &shelf{m: map[string]string{}}, &onItsWay{})
	set := func(i int, v string) {
		slot, _ := s.slot(t, fmt.Sprint("long-", i))
		s.name.Set(slot, &v)
	}
	old, young := strings.Repeat("x", length), strings.Repeat("y", length)
	for i := range keys {
		set(i, old)
	}
	s.checkpoint(t)
	for i := 0; i < keys; i += 40 {
		set(i, young)
	}
	f := s.store.Freeze()
	s.store.Budget.SetLimit(least)
	s.slots(t, "long-0")
	if now := s.named(); now < keys/40 || now > keys/10 {
		t.Errorf("%d of %d strings are in memory, %d of which nobody else has", now, keys, keys/40)
	}
	out := &tape{}
	must(t, f.WriteTo(out))
	s.below.apply(out.entries)
	f.Done()
	for i := range keys {
		slot, _ := s.slot(t, fmt.Sprint("long-", i))
		want := old
		if i%40 == 0 {
			want = young
		}
		if got, ok := s.name.Get(slot); !ok || got != want {
			t.Fatalf("key %d has %d bytes, %t", i, len(got), ok)
		}
	}
}

// named is how many names are in memory.
func (s *subject) named() (n int) {
	for slot := range Slot(len(s.name.pages) << pageBits) {
		if s.name.has(slot) {
			n++
		}
	}
	return n
}
