package keyed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// tape is a Writer that remembers. It refuses entries that are not in the order of their keys.
type tape struct{ entries []entry }

type entry struct {
	change     byte // Set, Delete or Range
	key, value []byte
}

func (t *tape) Set(k, v []byte) error { return t.put(entry{'S', bytes.Clone(k), bytes.Clone(v)}) }
func (t *tape) Delete(k []byte) error { return t.put(entry{'D', bytes.Clone(k), nil}) }

func (t *tape) put(e entry) error {
	if n := len(t.entries); n > 0 {
		if last := t.entries[n-1]; last.change != 'R' && bytes.Compare(last.key, e.key) >= 0 {
			return fmt.Errorf("%x is written after %x", e.key, last.key)
		}
	}
	t.entries = append(t.entries, e)
	return nil
}

func (t *tape) DeleteRange(s, e []byte) error {
	t.entries = append(t.entries, entry{'R', bytes.Clone(s), bytes.Clone(e)})
	return nil
}

// shelf is what lies below a store, in memory. Nothing is read from it that is not there in the order of keys.
type shelf struct {
	mu     sync.Mutex
	m      map[string]string
	sorted []string // its keys, if they have not changed since
	reads  int      // keys that were looked for
	scans  int
	fail   error // of the reads to come
}

func (b *shelf) apply(entries []entry) {
	b.sorted = nil
	for _, e := range entries {
		switch e.change {
		case 'S':
			b.m[string(e.key)] = string(e.value)
		case 'D':
			delete(b.m, string(e.key))
		case 'R':
			maps.DeleteFunc(b.m, func(k, _ string) bool { return k >= string(e.key) && k < string(e.value) })
		}
	}
}

func (b *shelf) Read(_ context.Context, keys [][]byte, found func(int, []byte) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads += len(keys)
	if len(keys) == 0 {
		return errors.New("nothing is looked for")
	}
	for i, k := range keys {
		if i > 0 && bytes.Compare(keys[i-1], k) >= 0 {
			return fmt.Errorf("keys %x and %x are not in order", keys[i-1], k)
		}
		if v, ok := b.m[string(k)]; ok {
			if err := found(i, []byte(v)); err != nil {
				return err
			}
		}
		if b.fail != nil && i == len(keys)/2 {
			return b.fail
		}
	}
	return nil
}

func (b *shelf) Scan(_ context.Context, start, end []byte, visit func(k, v []byte) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sorted == nil {
		b.sorted = slices.Sorted(maps.Keys(b.m))
	}
	b.scans++
	first, _ := slices.BinarySearch(b.sorted, string(start))
	for _, k := range b.sorted[first:] {
		if end != nil && k >= string(end) {
			break
		}
		if b.fail != nil {
			return b.fail
		}
		if err := visit([]byte(k), []byte(b.m[k])); err != nil {
			return err
		}
	}
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
	sum    *Sum[string] // which is joined: the order shows
	list   *List[string]
	below  *shelf

	keys    int // of which histories are
	flights flights
}

const (
	maxP = 16
	keys = 300
)

func newSubject(t testing.TB, groups base.KeyGroupRange, budget int64) *subject {
	return openSubject(t, groups, budget, &shelf{m: map[string]string{}}, &onItsWay{})
}

// openSubject returns a subject that goes on with what lies below after a snapshot.
func openSubject(t testing.TB, groups base.KeyGroupRange, budget int64, below *shelf, after *onItsWay) *subject {
	t.Helper()
	return openWith(t, groups, maxP, budget, below, after)
}

// openWith is openSubject with so many key groups in all.
func openWith(
	t testing.TB, groups base.KeyGroupRange, parts int, budget int64, below *shelf, after *onItsWay,
) *subject {
	t.Helper()
	s := subject{below: below, keys: keys}
	var err error
	s.store, err = NewStore[string](Config{
		Operator: 7, Name: "subject", MaxParallelism: parts, Groups: groups, Budget: NewBudget(budget),
		Context: t.Context(), Below: below, Restored: len(below.m) > 0, Checkpoint: after.number,
	})
	must(t, err)
	s.value, err = NewColumn[int64](s.store, "value")
	must(t, err)
	s.name, err = NewColumn[string](s.store, "name")
	must(t, err)
	s.entry, err = NewMap[int64, string](s.store, "entry")
	must(t, err)
	s.panes, err = NewPanes[int64](s.store, "panes", after.namespaces)
	must(t, err)
	s.timers, err = NewTimers(s.store, "timers")
	must(t, err)
	s.sum, err = NewSum(s.store, "sum", func(into, from *string) { *into += *from })
	must(t, err)
	s.list, err = NewList[string](s.store, "list")
	must(t, err)
	return &s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
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

// entire is a subject with all key groups.
func entire(t testing.TB) *subject {
	t.Helper()
	return newSubject(t, base.KeyGroupRange{End: maxP}, 0)
}

// slots finds the slots of keys. A key without state by the next call gives its slot back, so what a test works
// with is asked for at once.
func (s *subject) slots(t testing.TB, keys ...string) []Slot {
	t.Helper()
	hashes, slots := make([]uint64, len(keys)), make([]Slot, len(keys))
	for i, k := range keys {
		hashes[i] = s.store.Hash(k)
	}
	if err := s.store.Lookup(keys, hashes, slots); err != nil {
		t.Fatal(err)
	}
	return slots
}

// checkpoint ends an epoch and writes it below.
func (s *subject) checkpoint(t testing.TB) {
	t.Helper()
	f, out := s.store.Freeze(), &tape{}
	must(t, f.WriteTo(out))
	s.below.apply(out.entries)
	f.Done()
}

// reopened is the subject after a checkpoint and a crash, and says what it has been read for since.
func (s *subject) reopened(t testing.TB, budget int64) *subject {
	t.Helper()
	s.checkpoint(t)
	s.below.reads, s.below.scans = 0, 0
	after := &onItsWay{namespaces: s.panes.Namespaces(), number: s.store.Checkpoint + 1}
	return openSubject(t, s.store.Groups, budget, s.below, after)
}

// read is the number of reads and scans since it was asked for last.
func (b *shelf) read() string {
	was := fmt.Sprint(b.reads, " reads, ", b.scans, " scans")
	b.reads, b.scans = 0, 0
	return was
}

// crowd makes keys of every part come by, one by one, and writes them below: what has not been used since they
// began is forgotten when memory is short.
func (s *subject) crowd(t testing.TB) {
	t.Helper()
	for round := range 8 {
		for i := range 1000 {
			slot, _ := s.slot(t, fmt.Sprint("crowd-", round, "-", i))
			n := int64(i)
			s.value.Set(slot, &n)
		}
		s.checkpoint(t)
	}
}

// lister is a list, with or without a time-to-live.
type lister[V any] interface {
	All(Slot) (iter.Seq[V], error)
}

// listed are the rows of a list, or the error that ended them.
func listed[V any](store interface{ Failure(Slot) error }, l lister[V], s Slot) (rows []V, err error) {
	all, err := l.All(s)
	if err != nil {
		return nil, err
	}
	rows = slices.AppendSeq([]V{}, all)
	return rows, store.Failure(s)
}
