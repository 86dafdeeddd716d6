package operator

import (
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/record"
	"github.com/aquifer-stream/aquifer/window"
)

// SliceWindows aggregates the rows of a keyed stream over tumbling or sliding windows. A row is added to the
// accumulator of its key in one slice; a window is the merger of its slices.
type SliceWindows[K comparable, T, A, R any] struct {
	windowing[K, T, A, R]
	panes *keyed.Panes[K, A]
	// ends are the ends of windows that will fire, ascending, each once.
	ends   []int64
	merged mergeTable[K, A]
	// ahead is, after a restore that brought subtasks together, the event time that each key group's windows
	// have fired up to; nil once the operator's own has come to the latest of them.
	ahead []int64
}

// NewSliceWindows returns the operator for windows that are not sessions. late, if not nil, gets the rows
// that are too late for all their windows.
func NewSliceWindows[K comparable, T, A, R any](
	env *Env, next Receiver[flow.Windowed[K, R]], late Receiver[T],
	key func(*T) K, w window.Window, agg flow.Aggregator[T, A, R],
) (*SliceWindows[K, T, A, R], error) {
	s, err := newStateOf[K](env)
	if err != nil {
		return nil, err
	}
	return &SliceWindows[K, T, A, R]{windowing: newWindowing(s, next, late, key, w, agg)}, nil
}

// PlanSliceWindows returns what can be known of the state before the operator runs.
func PlanSliceWindows[K comparable, A any](name string) *Planned {
	return planned(name, func(s *stateOf[K]) error {
		_, err := keyed.NewPanes[A](s.store, "slices", nil)
		return err
	})
}

// Open restores the slices and finds the windows that they belong to.
func (s *SliceWindows[K, T, A, R]) Open() (err error) {
	var namespaces []int64
	if s.env.Restored != nil {
		namespaces = s.env.Restored.Namespaces
	}
	if s.panes, err = keyed.NewPanes[A](s.state.store, "slices", namespaces); err != nil {
		return err
	}
	if err := s.restore(); err != nil {
		return err
	}
	if s.env.Restored != nil {
		s.ahead = eventTimes(s.env.Groups, s.env.Restored.Watermarks)
	}
	for _, slice := range s.panes.Namespaces() {
		s.expect(slice)
	}
	return nil
}

// eventTimes spreads the event times of ranges over the key groups.
func eventTimes(groups base.KeyGroupRange, from []checkpoint.RangeWatermark) []int64 {
	by := make([]int64, groups.Len())
	for _, w := range from {
		for g := max(w.Range.Start, groups.Start); g < min(w.Range.End, groups.End); g++ {
			by[g-groups.Start] = w.Watermark
		}
	}
	return by
}

// Snapshot freezes the slices; which windows have fired is part of the state.
func (s *SliceWindows[K, T, A, R]) Snapshot(id uint64) (Snapshot, error) {
	snap, err := s.windowing.Snapshot(id)
	snap.Namespaces = s.panes.Namespaces()
	for i, t := range s.ahead {
		g := s.env.Groups.Start + base.KeyGroup(i)
		snap.Ahead = append(snap.Ahead, checkpoint.RangeWatermark{
			Range: base.KeyGroupRange{Start: g, End: g + 1}, Watermark: max(t, s.last),
		})
	}
	return snap, err
}

// expect notes the windows of a slice that have yet to fire.
func (s *SliceWindows[K, T, A, R]) expect(slice int64) {
	for end := s.window.FirstEnd(slice); end <= s.window.LastEnd(slice); end += s.window.Slide() {
		if end <= s.last {
			continue
		}
		if i, there := slices.BinarySearch(s.ends, end); !there {
			s.ends = slices.Insert(s.ends, i, end)
		}
	}
}

// Batch adds the rows to their slices, one run of rows of the same slice after the other.
func (s *SliceWindows[K, T, A, R]) Batch(b *flow.Batch[T]) error {
	s.env.Stats.RowsIn.Add(int64(len(b.Rows)))
	if err := s.needTimes(b); err != nil {
		return err
	}
	if err := s.state.writeEarly(); err != nil {
		return err
	}
	keysOf(s.state, b, s.key)
	for from := 0; from < len(b.Rows); {
		slice := s.window.SliceStart(b.Times[from])
		to := from + 1
		for to < len(b.Rows) && b.Times[to] >= slice && b.Times[to] < slice+s.sliceLen {
			to++
		}
		if err := s.addRun(b, from, to, slice); err != nil {
			return err
		}
		from = to
	}
	s.in.Put(b)
	return nil
}

// addRun adds rows of one slice.
func (s *SliceWindows[K, T, A, R]) addRun(b *flow.Batch[T], from, to int, slice int64) error {
	if s.window.LastEnd(slice)+s.window.Lateness() <= s.last {
		return s.dropLate(b, from, to)
	}
	pane, fresh := s.panes.Pane(slice), slice != s.newest
	if fresh {
		s.expect(slice)
		s.newest = slice
	}
	slots := s.slotsFor(to - from)
	if err := pane.Lookup(s.state.keys[from:to], b.Hashes[from:to], slots); err != nil {
		return err
	}
	if err := s.add(b, from, pane, slots); err != nil {
		return err
	}
	if s.window.FirstEnd(slice) <= s.last {
		return s.fireAgain(b, from, to, slice)
	}
	return nil
}

// add is the hot loop: one call of the user's function for each row.
func (s *SliceWindows[K, T, A, R]) add(
	b *flow.Batch[T], from int, pane *keyed.Pane[K, A], slots []keyed.Slot,
) (err error) {
	s.at = from
	defer s.env.rescue(&err, func() (any, int64) { return s.state.keys[s.at], b.Times[s.at] })
	for _, slot := range slots {
		s.agg.Add(pane.Ptr(slot), &b.Rows[s.at])
		s.at++
	}
	return nil
}

// fireAgain emits, for rows that came late but in time to be counted, the results of their windows that have
// fired already.
func (s *SliceWindows[K, T, A, R]) fireAgain(b *flow.Batch[T], from, to int, slice int64) error {
	out := s.out.Get()
	for i := from; i < to; i++ {
		for end := s.window.FirstEnd(slice); end <= min(s.last, s.window.LastEnd(slice)); end += s.window.Slide() {
			if end+s.window.Lateness() <= s.last {
				continue
			}
			acc, err := s.mergeKey(end, s.state.keys[i], b.Hashes[i])
			if err != nil {
				return err
			}
			s.result(out, &s.state.keys[i], end-s.window.Size(), end, &acc)
		}
	}
	return s.emit(0, out)
}

// mergeKey merges the slices of a window for one key.
func (s *SliceWindows[K, T, A, R]) mergeKey(end int64, key K, hash uint64) (acc A, err error) {
	found := false
	for at := end - s.window.Size(); at < end; at += s.sliceLen {
		if !s.panes.Has(at) {
			continue
		}
		a, err := s.panes.Pane(at).Find(key, hash)
		if err != nil {
			return acc, err
		}
		if a != nil {
			s.mergeInto(&acc, a, !found)
			found = true
		}
	}
	return acc, nil
}

// Watermark fires the windows that it completes, in the order of their ends, and forgets what is over.
func (s *SliceWindows[K, T, A, R]) Watermark(t int64) error {
	fired := 0
	for ; fired < len(s.ends) && s.ends[fired] <= t; fired++ {
		if err := s.fire(s.ends[fired]); err != nil {
			return err
		}
	}
	s.ends = slices.Delete(s.ends, 0, fired)
	if fired > 0 || s.window.Lateness() > 0 {
		s.forget(t)
	}
	if s.ahead != nil && slices.Max(s.ahead) <= t {
		s.ahead = nil
	}
	return s.forward(t)
}

// forget drops the slices whose last windows are over.
func (s *SliceWindows[K, T, A, R]) forget(t int64) {
	for _, slice := range s.panes.Namespaces() {
		if s.window.LastEnd(slice)+s.window.Lateness() <= t {
			s.panes.Drop(slice)
			s.newest = flow.NoTime
		}
	}
	s.state.count()
}

// fire emits a row for each key of a window.
func (s *SliceWindows[K, T, A, R]) fire(end int64) (err error) {
	start := end - s.window.Size()
	out := s.out.Get()
	defer s.env.rescue(&err, func() (any, int64) { return nil, end - 1 })
	give := func(key *K, acc *A) error {
		if s.hasFired(key, end) {
			return nil
		}
		s.result(out, key, start, end, acc)
		if len(out.Rows) < record.DefaultBatch {
			return nil
		}
		full := out
		out = s.out.Get()
		return s.emit(0, full)
	}
	from := s.slicesOf(start, end)
	walk := s.panes.Walk(from)
	defer walk.Close()
	for part := range s.state.store.Parts() {
		if s.sliceLen < s.window.Size() {
			err = s.giveMerged(walk, from, part, give)
		} else if len(from) > 0 {
			err = walk.Each(start, part, give)
		}
		if err != nil {
			return err
		}
	}
	return s.emit(0, out)
}

// hasFired reports whether the key's window fired before a restore.
func (s *SliceWindows[K, T, A, R]) hasFired(key *K, end int64) bool {
	if s.ahead == nil {
		return false
	}
	group := base.KeyGroupOf(s.state.store.Hash(*key), s.env.MaxParallelism)
	return s.ahead[group-s.env.Groups.Start] >= end
}

type giveFunc[K comparable, A any] func(key *K, acc *A) error

// slicesOf are the slices of a window that may have rows.
func (s *SliceWindows[K, T, A, R]) slicesOf(start, end int64) (all []int64) {
	for at := start; at < end; at += s.sliceLen {
		if s.panes.Has(at) {
			all = append(all, at)
		}
	}
	return all
}

// giveMerged merges the slices of a window key by key.
func (s *SliceWindows[K, T, A, R]) giveMerged(
	walk *keyed.Walk[K, A], from []int64, part int, give giveFunc[K, A],
) error {
	s.merged.reset()
	for _, at := range from {
		s.merged.reserve(s.panes.Pane(at).Len(part))
		err := walk.Each(at, part, func(key *K, acc *A) error {
			into, fresh := s.merged.find(*key, s.state.store.Hash(*key))
			s.mergeInto(into, acc, fresh)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for i := range s.merged.keys {
		if err := give(&s.merged.keys[i], &s.merged.accs[i]); err != nil {
			return err
		}
	}
	return nil
}

// mergeTable is a hash table that is filled and emptied again for each window.
type mergeTable[K comparable, A any] struct {
	index  []uint32 // of keys + 1
	keys   []K
	hashes []uint64
	accs   []A
}

func (m *mergeTable[K, A]) reset() {
	clear(m.index)
	clear(m.accs)
	m.keys, m.hashes, m.accs = m.keys[:0], m.hashes[:0], m.accs[:0]
}

// reserve makes room for more keys.
func (m *mergeTable[K, A]) reserve(more int) {
	need := 2 * (len(m.keys) + more)
	if need <= len(m.index) {
		return
	}
	size := max(64, 2*len(m.index))
	for size < need {
		size *= 2
	}
	m.index = make([]uint32, size)
	for i, h := range m.hashes {
		m.place(h, uint32(i+1))
	}
}

func (m *mergeTable[K, A]) place(hash uint64, entry uint32) {
	mask := uint64(len(m.index) - 1)
	at := hash & mask
	for m.index[at] != 0 {
		at = (at + 1) & mask
	}
	m.index[at] = entry
}

// find returns the accumulator of a key, and whether it is new.
func (m *mergeTable[K, A]) find(key K, hash uint64) (acc *A, fresh bool) {
	m.reserve(1)
	mask := uint64(len(m.index) - 1)
	at := hash & mask
	for ; m.index[at] != 0; at = (at + 1) & mask {
		if i := m.index[at] - 1; m.hashes[i] == hash && m.keys[i] == key {
			return &m.accs[i], false
		}
	}
	var zero A
	m.keys, m.hashes, m.accs = append(m.keys, key), append(m.hashes, hash), append(m.accs, zero)
	m.index[at] = uint32(len(m.keys))
	return &m.accs[len(m.accs)-1], true
}
