package keyed

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// flights are reads of a subject that are under way while it is used.
type flights struct {
	all  []*flight
	held map[Slot]int
}

// flight is a read that is under way, of a batch of keys or of timers.
type flight struct {
	ahead *Ahead
	slots []Slot // that are held
	due   *Due
	panes []heldInPane
	read  bool
}

type heldInPane struct {
	pane *Pane[string, int64]
	slot Slot
}

// stepAhead begins a read, or goes on with one, some time after it was begun.
func (s *subject) stepAhead(t testing.TB, rng *rand.Rand) {
	f := &s.flights
	switch n := rng.IntN(8); {
	case n < 2:
		s.takeOff(t, rng)
	case n == 2:
		s.takeOffTimers(t, rng)
	case len(f.all) == 0:
	case n < 6:
		f.all[rng.IntN(len(f.all))].readNow(t, s.below)
	default:
		s.land(t, rng.IntN(len(f.all)))
	}
}

// takeOff begins to read what a batch of keys may use.
func (s *subject) takeOff(t testing.TB, rng *rand.Rand) {
	names, hashes := []string{}, []uint64{}
	for range 1 + rng.IntN(6) {
		names = append(names, keyOf(rng.IntN(s.keys)))
		hashes = append(hashes, s.store.Hash(names[len(names)-1]))
	}
	slots := make([]Slot, len(names))
	f := &flight{ahead: s.store.Find(names, hashes, slots), slots: slots}
	if f.ahead == nil {
		f.ahead = s.store.NewAhead()
	}
	for _, slot := range slots {
		s.hold(slot, 1)
		s.want(f.ahead, slot, rng)
	}
	if rng.IntN(3) == 0 {
		pane := s.panes.Pane(rng.Int64N(8))
		in := make([]Slot, len(names))
		pane.Seek(f.ahead, names, hashes, in)
		for _, slot := range in {
			if pane.Coming(slot) {
				f.panes = append(f.panes, heldInPane{pane, slot})
			}
		}
	}
	s.flights.all = append(s.flights.all, f)
}

// want wants some of the state of a key.
func (s *subject) want(a *Ahead, slot Slot, rng *rand.Rand) {
	if rng.IntN(2) == 0 {
		s.entry.Want(a, slot, rng.Int64N(8))
		s.entry.Want(a, slot, rng.Int64N(8))
	}
	if rng.IntN(4) == 0 {
		s.entry.WantAll(a, slot)
	}
	if rng.IntN(4) == 0 {
		s.list.Want(a, slot)
	}
	if rng.IntN(4) == 0 {
		s.sum.Want(a, slot)
	}
}

func (s *subject) takeOffTimers(t testing.TB, rng *rand.Rand) {
	if due := s.timers.Due(rng.Int64N(8)); due != nil {
		s.flights.all = append(s.flights.all, &flight{due: due})
	}
}

// hold counts those who hold a slot.
func (s *subject) hold(slot Slot, by int) {
	f := &s.flights
	if f.held == nil {
		f.held = map[Slot]int{}
	}
	if f.held[slot] += by; f.held[slot] > 0 {
		s.store.Hold(slot)
		return
	}
	delete(f.held, slot)
	s.store.Release(slot)
}

func (f *flight) readNow(t testing.TB, below Below) {
	switch {
	case f.read:
		return
	case f.due != nil:
		must(t, f.due.Read(t.Context(), below))
	default:
		must(t, f.ahead.Read(t.Context(), below))
	}
	f.read = true
}

// land takes what was read.
func (s *subject) land(t testing.TB, i int) {
	f := s.flights.all[i]
	s.flights.all = slices.Delete(s.flights.all, i, i+1)
	f.readNow(t, s.below)
	if f.due != nil {
		a, err := s.timers.Take(f.due)
		must(t, err)
		if a != nil {
			s.flights.all = append(s.flights.all, &flight{ahead: a})
		}
		return
	}
	must(t, s.store.Take(f.ahead))
	for _, slot := range f.slots {
		s.hold(slot, -1)
	}
}

func (s *subject) landAll(t testing.TB) {
	for len(s.flights.all) > 0 {
		s.land(t, 0)
	}
}

// used is a history of a few keys, of which much is under way at a time: it returns the first difference.
func used(t testing.TB, seed uint64) string {
	rng, m := rand.New(rand.NewPCG(seed, 3)), content{}
	s := entire(t)
	for n := range 12 {
		s.keys = 6
		s.steps(t, rng, m)
		f, out := s.store.Freeze(), &tape{}
		s.steps(t, rng, m)
		must(t, f.WriteTo(out))
		s.below.apply(out.entries)
		f.Done()
		s.steps(t, rng, m)
		if got := s.content(t); !maps.Equal(got, m) {
			return fmt.Sprintf("round %d: %s", n, differences(got, m))
		}
		s = s.reopened(t, 1)
	}
	return ""
}

func (s *subject) steps(t testing.TB, rng *rand.Rand, m content) {
	for range rng.IntN(60) {
		s.step(t, rng, m)
	}
}

func TestWhatIsReadWhileItChangesIsRight(t *testing.T) {
	tellEach(t, 10, used)
}

func TestATakeOfWhatIsStaleIsFound(t *testing.T) {
	trustAhead = true
	defer func() { trustAhead = false }()
	for seed := range uint64(100) {
		if (finder{t}).finds(func(t testing.TB) string { return used(t, seed) }) {
			return
		}
	}
	t.Error("a store that takes what is stale passes")
}
