package keyed

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// content is all that a subject holds, as text: what it is compared by.
type content map[string]string

func keyOf(i int) string { return fmt.Sprintf("key-%d", i) }

// content asks for everything, as operators do.
func (s *subject) content(t testing.TB) content {
	c := content{}
	s.landAll(t)
	for i := range keys {
		k := keyOf(i)
		if !s.store.Groups.Contains(base.KeyGroupOf(s.store.hash(k), maxP)) {
			continue
		}
		slot, _ := s.slot(t, k)
		if v, ok := s.value.Get(slot); ok {
			c["value "+k] = fmt.Sprint(v)
		}
		if v, ok := s.name.Get(slot); ok {
			c["name "+k] = v
		}
		if sum, ok, err := s.sum.Get(slot); ok || err != nil {
			must(t, err)
			c["sum "+k] = *sum
		}
		if list := s.listOf(t, slot); list != "" {
			c["list "+k] = list
		}
		all, err := s.entry.All(slot)
		must(t, err)
		n, err := s.entry.Len(slot)
		must(t, err)
		for mk, v := range all {
			c[fmt.Sprintf("entry %s %d", k, mk)] = v
			n--
		}
		if n != 0 {
			t.Errorf("%d entries of %s are not counted right", n, k)
		}
	}
	namespaces := s.panes.Namespaces()
	walk := s.panes.Walk(namespaces)
	defer walk.Close()
	for part := range s.store.Groups.Len() {
		for _, ns := range namespaces {
			must(t, walk.Each(ns, part, func(k *string, v *int64) error {
				c[fmt.Sprintf("pane %d %s", ns, *k)] = fmt.Sprint(*v)
				return nil
			}))
		}
	}
	s.timersOf(t, c)
	return c
}

// timersOf adds the timers without taking them: those below, but for what memory knows better.
func (s *subject) timersOf(t testing.TB, c content) {
	for part := range s.store.Groups.Len() {
		must(t, s.store.scan(part, stateID("timers"), nil, nil, func(rest, _ []byte) error {
			time, rest, err := takeOrdered(rest)
			must(t, err)
			k, _, err := s.store.codec.Decode(rest)
			c[fmt.Sprintf("timer %s %d", k, time)] = ""
			return err
		}))
		for e := range s.timers.dir.parts[part].slots {
			at := *s.timers.dir.key(e)
			name := fmt.Sprintf("timer %s %d", *s.store.Key(at.owner), at.time)
			if s.timers.column.has(e) {
				c[name] = ""
			} else {
				delete(c, name)
			}
		}
	}
}

// step changes the subject and its model in the same random way.
func (s *subject) step(t testing.TB, rng *rand.Rand, m content) {
	key := keyOf(rng.IntN(s.keys))
	slot, hash := s.slot(t, key)
	n := rng.Int64N(8)
	if rng.IntN(8) == 0 {
		s.stepAhead(t, rng)
		return
	}
	if s.store.Coming(slot) {
		return
	}
	switch rng.IntN(22) {
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
		if pane.Coming(slots[0]) {
			return
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
			must(t, s.entry.Clear(slot))
			maps.DeleteFunc(m, func(k, _ string) bool {
				return len(k) > len(key)+6 && k[:7+len(key)] == "entry "+key+" "
			})
		}
	case 12:
		s.check(t, m, "entry "+key, slot, n)
	case 13:
		s.fire(t, m, n/3)
	case 14:
		a, err := s.panes.Pane(n).Find(key, hash)
		must(t, err)
		got, want := "", m[fmt.Sprintf("pane %d %s", n, key)]
		if a != nil {
			got = fmt.Sprint(*a)
		}
		if got != want {
			t.Fatalf("pane %d has %q for %s, want %q", n, got, key, want)
		}
	default:
		s.stepInParts(t, rng, m, key, slot)
	}
}

// stepInParts changes what is kept in parts.
func (s *subject) stepInParts(t testing.TB, rng *rand.Rand, m content, key string, slot Slot) {
	sum, list := "sum "+key, "list "+key
	n := fmt.Sprint(rng.IntN(100), " ")
	switch rng.IntN(12) {
	case 0, 1, 2, 3:
		acc, _ := s.sum.Part(slot)
		*acc += n
		m[sum] += n
	case 4:
		got, ok, err := s.sum.Get(slot)
		must(t, err)
		if want, there := m[sum]; ok != there || ok && *got != want {
			t.Fatalf("%s is %v, want %q", sum, got, want)
		}
	case 5:
		must(t, s.sum.Clear(slot))
		delete(m, sum)
	case 6, 7, 8, 9:
		if rng.IntN(6) == 0 {
			n = strings.Repeat(n, 1+rng.IntN(2000)) // which fills a chunk
		}
		s.list.Append(slot, &n)
		m[list] += n + ","
	case 10:
		if got := s.listOf(t, slot); got != m[list] {
			t.Fatalf("%s is %q, want %q", list, got, m[list])
		}
	case 11:
		must(t, s.list.Clear(slot))
		delete(m, list)
	}
}

// listOf is a list as text.
func (s *subject) listOf(t testing.TB, slot Slot) string {
	t.Helper()
	rows, err := listed(s.store, s.list, slot)
	must(t, err)
	n, err := s.list.Len(slot)
	must(t, err)
	if n != len(rows) {
		t.Errorf("a list of %d rows has %d", n, len(rows))
	}
	if n == 0 {
		return ""
	}
	return strings.Join(rows, ",") + ","
}

// check reads an entry of a map.
func (s *subject) check(t testing.TB, m content, name string, slot Slot, n int64) {
	got, ok, err := s.entry.Get(slot, n)
	must(t, err)
	if want, there := m[fmt.Sprint(name, " ", n)]; ok != there || got != want {
		t.Fatalf("%s %d is %q, %v, want %q, %v", name, n, got, ok, want, there)
	}
}

// fire takes the timers up to a time, which must be those of the model, in the order of their times.
func (s *subject) fire(t testing.TB, m content, upTo int64) {
	last := int64(-1)
	must(t, s.timers.Pop(upTo, func(slot Slot, time int64) error {
		name := fmt.Sprintf("timer %s %d", *s.store.Key(slot), time)
		if _, there := m[name]; !there || time < last || time > upTo {
			t.Fatalf("%s fired after %d, up to %d", name, last, upTo)
		}
		delete(m, name)
		last = time
		return nil
	}))
	for k := range m {
		var name string
		var time int64
		if n, _ := fmt.Sscanf(k, "timer %s %d", &name, &time); n == 2 && time <= upTo {
			t.Fatalf("%s did not fire up to %d", k, upTo)
		}
	}
}

func differences(got, want content) string {
	var d []string
	for k, v := range want {
		if g, ok := got[k]; !ok || g != v {
			d = append(d, fmt.Sprintf("%s = %.200q, want %.200q", k, g, v))
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

// history is a subject with its model, and what becomes of them.
type history struct {
	*subject
	testing.TB
	rng    *rand.Rand
	model  content
	budget int64
	queue  []*onItsWay
}

// onItsWay is a snapshot that has not been written yet, with what the subject held when it was taken.
type onItsWay struct {
	*Frozen
	want       content
	namespaces []int64
	number     uint64
}

// run makes random changes with freezes between them. Snapshots are written by another goroutine while the
// changes go on, two at most are on their way; some are given back. It returns the first difference between what
// lies below after a snapshot and the model as of its freeze.
func run(t testing.TB, seed uint64, steps int) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	h := &history{TB: t, rng: rng, model: content{}, budget: []int64{0, 1, 200_000, 400_000, 800_000}[rng.IntN(5)]}
	h.subject = newSubject(t, base.KeyGroupRange{End: maxP}, h.budget)
	for n := range uint64(8) {
		h.change(steps)
		h.queue = append(h.queue, &onItsWay{h.store.Freeze(), maps.Clone(h.model), h.panes.Namespaces(), n + 1})
		if len(h.queue) == 1 && rng.IntN(3) == 0 {
			continue
		}
		for len(h.queue) > 0 {
			if d := h.write(steps); d != "" {
				return fmt.Sprintf("budget %d: %s", h.budget, d)
			}
		}
	}
	return ""
}

func (h *history) change(steps int) {
	for range h.rng.IntN(steps) {
		h.step(h, h.rng, h.model)
	}
}

// write ends the wait of the oldest snapshot, in one way or another.
func (h *history) write(steps int) string {
	q, out := h.queue[0], &tape{}
	var group sync.WaitGroup
	var wrong error
	group.Go(func() { wrong = q.WriteTo(out) })
	func() {
		defer group.Wait()
		h.change(steps)
	}()
	if wrong != nil {
		return wrong.Error()
	}
	if h.rng.IntN(4) == 0 { // and those that were taken after it would not be complete
		for _, q := range h.queue {
			q.Release()
		}
		h.queue = nil
		return ""
	}
	h.below.apply(out.entries)
	q.Done()
	h.queue = h.queue[1:]
	if d := restored(h, h.below, q, h.rng.IntN(3)+1, h.budget); !maps.Equal(d, q.want) {
		return differences(d, q.want)
	}
	h.change(steps)
	if h.rng.IntN(3) == 0 {
		if got := h.content(h); !maps.Equal(got, h.model) {
			return "live: " + differences(got, h.model)
		}
	}
	if h.rng.IntN(4) == 0 { // a crash
		h.subject = openSubject(h, base.KeyGroupRange{End: maxP}, h.budget, h.below, q)
		h.model, h.queue = q.want, nil
	}
	return ""
}

// restored is what several stores that share the key groups find below.
func restored(t testing.TB, below *shelf, q *onItsWay, stores int, budget int64) content {
	all := content{}
	for i := range stores {
		s := openSubject(t, base.RangeOf(i, stores, maxP), budget, below, q)
		maps.Copy(all, s.content(t))
	}
	return all
}

func TestSnapshotsRestoreToTheStateAtTheFreeze(t *testing.T) {
	tellEach(t, 5, func(t testing.TB, seed uint64) string { return run(t, seed, 400) })
}

func TestSnapshotsThatChangeAfterTheFreezeAreFound(t *testing.T) {
	for name, bug := range map[string]*bool{
		"changes frozen pages in place": &skipCopy, "gives away what a snapshot is to read": &reuseEarly,
	} {
		if !foundInASnapshot(t, bug) {
			t.Errorf("a store that %s passes", name)
		}
	}
}

// foundInASnapshot reports whether a planted bug shows in snapshots that are written late.
func foundInASnapshot(t *testing.T, bug *bool) bool {
	*bug = true
	defer func() { *bug = false }()
	for seed := range uint64(100) {
		s, m, rng := newSubject(t, base.KeyGroupRange{End: maxP}, 0), content{}, rand.New(rand.NewPCG(seed, 0))
		for range 300 {
			s.step(t, rng, m)
		}
		q, out := &onItsWay{s.store.Freeze(), maps.Clone(m), s.panes.Namespaces(), 1}, &tape{}
		for range 300 { // before the snapshot is written, on the same goroutine: no race, only a wrong result
			s.step(t, rng, m)
		}
		if q.WriteTo(out) != nil {
			return true
		}
		s.below.apply(out.entries)
		restored := func(t testing.TB) string { return differences(restored(t, s.below, q, 1, 0), q.want) }
		if (finder{t}).finds(restored) {
			return true
		}
	}
	return false
}

// finder takes failures for finds.
type finder struct{ testing.TB }

type found struct{}

func (f finder) Fatalf(string, ...any) { panic(found{}) }

// finds reports whether a history shows a difference.
func (f finder) finds(history func(t testing.TB) string) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			ok = p.(found) == found{}
		}
	}()
	return history(f) != ""
}

func TestAPartThatIsCountedTwiceIsFound(t *testing.T) {
	countTwice = true
	defer func() { countTwice = false }()
	for seed := range uint64(20) {
		if (finder{t}).finds(func(t testing.TB) string { return run(t, seed, 400) }) {
			return
		}
	}
	t.Error("a store that adds what it has in memory to what it wrote of that passes")
}
