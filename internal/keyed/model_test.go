package keyed

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/lsm"
)

// tape is a Writer that remembers.
type tape struct{ entries []entry }

type entry struct {
	change     lsm.Change
	key, value []byte
}

func (t *tape) Set(k, v []byte) error {
	t.entries = append(t.entries, entry{lsm.Set, bytes.Clone(k), bytes.Clone(v)})
	return nil
}

func (t *tape) Delete(k []byte) error {
	t.entries = append(t.entries, entry{lsm.Delete, bytes.Clone(k), nil})
	return nil
}

func (t *tape) DeleteRange(s, e []byte) error {
	t.entries = append(t.entries, entry{lsm.DeleteRange, bytes.Clone(s), bytes.Clone(e)})
	return nil
}

// subject is a store with one state of each kind.
type subject struct {
	store  *Store[string]
	value  *Column[int64]
	name   *Column[string]
	entry  *Map[int64, string]
	panes  *Panes[string, int64]
	timers *Timers
}

const maxP = 16

func newSubject(t testing.TB, groups base.KeyGroupRange) *subject {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var s subject
	var err error
	s.store, err = NewStore[string](Config{Operator: 7, Name: "subject", MaxParallelism: maxP, Groups: groups})
	must(err)
	s.value, err = NewColumn[int64](s.store, "value")
	must(err)
	s.name, err = NewColumn[string](s.store, "name")
	must(err)
	s.entry, err = NewMap[int64, string](s.store, "entry")
	must(err)
	s.panes, err = NewPanes[int64](s.store, "panes")
	must(err)
	s.timers, err = NewTimers(s.store, "timers")
	must(err)
	return &s
}

func (s *subject) slot(t testing.TB, key string) (Slot, uint64) {
	t.Helper()
	hash := s.store.hash(key)
	var slots [1]Slot
	if err := s.store.Lookup([]string{key}, []uint64{hash}, slots[:]); err != nil {
		t.Fatal(err)
	}
	return slots[0], hash
}

// content is all that a subject holds, as text: what it is compared by.
type content map[string]string

func (s *subject) content() content {
	c := content{}
	for p := range s.store.dir.parts {
		for slot := range s.store.dir.parts[p].slots {
			k := *s.store.Key(slot)
			if v, ok := s.value.Get(slot); ok {
				c["value "+k] = fmt.Sprint(v)
			}
			if v, ok := s.name.Get(slot); ok {
				c["name "+k] = v
			}
			for mk, v := range s.entry.All(slot) {
				c[fmt.Sprintf("entry %s %d", k, mk)] = v
			}
			for time, bucket := range s.timers.buckets {
				for _, o := range bucket {
					if _, ok := s.timers.find(o, timerEntry{time, o}); ok && o == slot {
						c[fmt.Sprintf("timer %s %d", k, time)] = ""
					}
				}
			}
		}
	}
	for _, ns := range s.panes.Namespaces() {
		for k, v := range s.panes.Pane(ns).All() {
			c[fmt.Sprintf("pane %d %s", ns, *k)] = fmt.Sprint(*v)
		}
	}
	return c
}

// step changes the subject and its model in the same random way.
func (s *subject) step(t testing.TB, rng *rand.Rand, m content) {
	key := fmt.Sprintf("key-%d", rng.IntN(200))
	slot, hash := s.slot(t, key)
	n := rng.Int64N(8)
	switch rng.IntN(12) {
	case 0, 1:
		s.value.Set(slot, &n)
		m["value "+key] = fmt.Sprint(n)
	case 2:
		s.value.Clear(slot)
		delete(m, "value "+key)
	case 3:
		name := fmt.Sprint("n", n)
		s.name.Set(slot, &name)
		m["name "+key] = name
	case 4:
		s.name.Clear(slot)
		delete(m, "name "+key)
	case 5, 6:
		s.entry.Set(slot, n, fmt.Sprint("e", n))
		m[fmt.Sprintf("entry %s %d", key, n)] = fmt.Sprint("e", n)
	case 7:
		s.entry.Remove(slot, n)
		delete(m, fmt.Sprintf("entry %s %d", key, n))
	case 8:
		s.timers.Register(slot, n)
		m[fmt.Sprintf("timer %s %d", key, n)] = ""
	case 9:
		s.timers.Cancel(slot, n)
		delete(m, fmt.Sprintf("timer %s %d", key, n))
	case 10:
		pane := s.panes.Pane(n)
		var slots [1]Slot
		if err := pane.Lookup([]string{key}, []uint64{hash}, slots[:]); err != nil {
			t.Fatal(err)
		}
		*pane.Ptr(slots[0]) += n + 1
		var before int64
		_, _ = fmt.Sscan(m[fmt.Sprintf("pane %d %s", n, key)], &before)
		m[fmt.Sprintf("pane %d %s", n, key)] = fmt.Sprint(before + n + 1)
	case 11:
		if rng.IntN(20) == 0 {
			s.panes.Drop(n)
			maps.DeleteFunc(m, func(k, _ string) bool { return len(k) > 5 && k[:6] == fmt.Sprintf("pane %d", n) })
		} else {
			s.entry.Clear(slot)
			maps.DeleteFunc(m, func(k, _ string) bool {
				return len(k) > len(key)+6 && k[:7+len(key)] == "entry "+key+" "
			})
		}
	}
}

func differences(got, want content) string {
	var d []string
	for k, v := range want {
		if g, ok := got[k]; !ok || g != v {
			d = append(d, fmt.Sprintf("%s = %q, want %q", k, g, v))
		}
	}
	for k, v := range got {
		if _, ok := want[k]; !ok {
			d = append(d, fmt.Sprintf("%s = %q, want none", k, v))
		}
	}
	slices.Sort(d)
	return fmt.Sprint(d[:min(len(d), 5)])
}

// history runs random changes with freezes between them. Snapshots are written by another goroutine while the
// changes go on; some are given back. It returns the first difference between what the tapes restore to and
// the model as of the freeze.
func history(t testing.TB, seed uint64, steps int) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	s, m := newSubject(t, base.KeyGroupRange{End: maxP}), content{}
	var chain []entry
	for range 8 {
		for range rng.IntN(steps) {
			s.step(t, rng, m)
		}
		full := len(chain) > 0 && rng.IntN(4) == 0
		if full {
			s.store.NextFull()
		}
		f, want, out := s.store.Freeze(0), maps.Clone(m), &tape{}
		var group sync.WaitGroup
		fail := rng.IntN(4) == 0
		group.Go(func() {
			_ = f.WriteTo(out)
			if !fail {
				f.Done()
			}
		})
		for range rng.IntN(steps) {
			s.step(t, rng, m)
		}
		group.Wait()
		if fail {
			f.Release()
			continue
		}
		if full {
			chain = nil
		}
		chain = append(chain, out.entries...)
		if d := restored(t, chain, rng.IntN(3)+1); !maps.Equal(d, want) {
			return differences(d, want)
		}
		if got := s.content(); !maps.Equal(got, m) {
			return "live: " + differences(got, m)
		}
	}
	return ""
}

// restored is what the entries restore to, in several stores that share the key groups.
func restored(t testing.TB, chain []entry, stores int) content {
	all := content{}
	for i := range stores {
		s := newSubject(t, base.RangeOf(i, stores, maxP))
		for _, e := range chain {
			if err := s.store.Restore(e.change, e.key, e.value); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.store.Restored(); err != nil {
			t.Fatal(err)
		}
		maps.Copy(all, s.content())
	}
	return all
}

func TestSnapshotsRestoreToTheStateAtTheFreeze(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(100) {
		if d := history(t, seed+i, 400); d != "" {
			t.Fatalf("seed %d: %s", seed+i, d)
		}
	}
}

func TestASkippedCopyIsFound(t *testing.T) {
	skipCopy = true
	defer func() { skipCopy = false }()
	for seed := range uint64(100) {
		s, m, rng := newSubject(t, base.KeyGroupRange{End: maxP}), content{}, rand.New(rand.NewPCG(seed, 0))
		for range 300 {
			s.step(t, rng, m)
		}
		f, want, out := s.store.Freeze(0), maps.Clone(m), &tape{}
		for range 300 { // before the snapshot is written, on the same goroutine: no race, only a wrong result
			s.step(t, rng, m)
		}
		if err := f.WriteTo(out); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(restored(t, out.entries, 1), want) {
			return
		}
	}
	t.Error("a store that changes frozen pages in place passes")
}
