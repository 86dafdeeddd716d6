package operator

import (
	"iter"
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/window"
)

// SliceWindows aggregates the rows of a keyed stream over tumbling or sliding windows. A row is added to the
// accumulator of its key in one slice; a window is the merger of its slices.
type SliceWindows[K comparable, T, A, R any] struct {
	windowing[K, T, A, R]
	panes  *keyed.Panes[K, A]
	newest int64 // the slice of the last row that was added
	// ends are the ends of windows that will fire, ascending, each once.
	ends   []int64
	merged mergeTable[K, A]
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
	o := &SliceWindows[K, T, A, R]{windowing: newWindowing(s, next, late, key, w, agg), newest: flow.NoTime}
	o.steps = o
	return o, nil
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
	for _, slice := range s.panes.Namespaces() {
		s.expect(slice)
	}
	return nil
}

// Snapshot freezes the slices; which windows have fired is part of the state.
func (s *SliceWindows[K, T, A, R]) Snapshot(id uint64) (Snapshot, error) {
	snap, err := s.windowing.Snapshot(id)
	snap.Namespaces = s.panes.Namespaces()
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
	l := s.newLoad(b, s.state.store.NewAhead())
	for from := 0; from < len(b.Rows); {
		slice := s.window.SliceStart(b.Times[from])
		to := from + 1
		for to < len(b.Rows) && b.Times[to] >= slice && b.Times[to] < slice+s.sliceLen {
			to++
		}
		if s.ahead != nil {
			to = s.sameTime(b, from, to)
		}
		if err := s.addRun(l, from, to, slice); err != nil {
			return err
		}
		from = to
	}
	return s.depart(l)
}

// sameTime is how far the key groups of a run have come to one event time.
func (s *SliceWindows[K, T, A, R]) sameTime(b *flow.Batch[T], from, to int) int {
	come := s.timeOf(b.Hashes[from], s.arrived)
	for i := from + 1; i < to; i++ {
		if s.timeOf(b.Hashes[i], s.arrived) != come {
			return i
		}
	}
	return to
}

// addRun adds rows of one slice, whose keys have come to one event time, or puts them in flight.
func (s *SliceWindows[K, T, A, R]) addRun(l *rowLoad[T], from, to int, slice int64) error {
	b := l.batch
	come := s.timeOf(b.Hashes[from], s.arrived)
	if s.window.LastEnd(slice)+s.window.Lateness() <= come {
		return s.dropLate(b, from, to)
	}
	pane, slots := s.panes.Pane(slice), s.slotsFor(to-from)
	pane.Seek(l.ahead, s.state.keys[from:to], b.Hashes[from:to], slots)
	s.batch = b
	if s.clear() && l.ahead.Empty() && (!s.behind(slice, come) || s.window.Lateness() == 0) {
		s.comes(slice)
		return s.add(from, pane, slots)
	}
	return s.addSome(l, from, slice, come, pane, slots)
}

// behind reports whether windows of a slice are over already.
func (s *SliceWindows[K, T, A, R]) behind(slice, come int64) bool {
	return s.window.FirstEnd(slice) <= come
}

// comes notes a slice that a row is added to.
func (s *SliceWindows[K, T, A, R]) comes(slice int64) {
	if slice != s.newest {
		s.expect(slice)
		s.newest = slice
	}
}

// add is the hot loop: one call of the user's function for each row.
func (s *SliceWindows[K, T, A, R]) add(from int, pane *keyed.Pane[K, A], slots []keyed.Slot) (err error) {
	s.at = from
	defer s.env.rescue(&err, s.where)
	b := s.batch
	for _, slot := range slots {
		s.agg.Add(pane.Ptr(slot), &b.Rows[s.at])
		s.at++
	}
	return nil
}

// addSome adds those rows of a slice that can be added, and puts the others in flight.
func (s *SliceWindows[K, T, A, R]) addSome(
	l *rowLoad[T], from int, slice, come int64, pane *keyed.Pane[K, A], slots []keyed.Slot,
) (err error) {
	defer s.env.rescue(&err, s.where)
	behind := s.behind(slice, come)
	for i, slot := range slots {
		r := waitingRow[T]{load: l, row: from + i, seat: seat{pane, slot}}
		s.hold(r.seat)
		if behind {
			r.more = s.seekOthers(l, r.row, slice, come)
		}
		free := s.free(l.batch.Hashes[r.row]) && (!behind || len(s.events) == 0)
		if !free || r.coming() || slices.ContainsFunc(r.more, seat.coming) {
			s.env.Stats.Waited.Add(1)
			s.wait(r, behind)
			continue
		}
		if err := s.addRow(&r); err != nil {
			return err
		}
		s.letGo(&r)
	}
	return nil
}

// seekOthers looks for what else the windows have that a row fires again. What it finds is held.
func (s *SliceWindows[K, T, A, R]) seekOthers(l *rowLoad[T], row int, slice, come int64) (others []seat) {
	var slot [1]keyed.Slot
	for start := range s.again(slice, come) {
		for _, at := range s.slicesOf(start, start+s.window.Size()) {
			if at == slice {
				continue
			}
			pane := s.panes.Pane(at)
			pane.Seek(l.ahead, s.state.keys[row:row+1], l.batch.Hashes[row:row+1], slot[:])
			if o := (seat{pane, slot[0]}); !slices.Contains(others, o) {
				s.hold(o)
				others = append(others, o)
			}
		}
	}
	return others
}

// again yields the starts of the windows of a slice that have fired and are kept for rows that come late, when all
// watermarks that have come have been performed.
func (s *SliceWindows[K, T, A, R]) again(slice, come int64) iter.Seq[int64] {
	return func(yield func(start int64) bool) {
		last := min(come, s.window.LastEnd(slice))
		for end := s.window.FirstEnd(slice); end <= last; end += s.window.Slide() {
			if end+s.window.Lateness() > come && !yield(end-s.window.Size()) {
				return
			}
		}
	}
}

// wants implements windowSteps: all is known when a row comes.
func (s *SliceWindows[K, T, A, R]) wants(*waitingRow[T]) *keyed.Ahead { return nil }

// addRow adds a row and fires those of its windows again that have fired.
func (s *SliceWindows[K, T, A, R]) addRow(r *waitingRow[T]) error {
	b := r.load.batch
	s.batch, s.at = b, r.row
	slice := s.window.SliceStart(b.Times[r.row])
	s.comes(slice)
	s.agg.Add(r.in.(*keyed.Pane[K, A]).Ptr(r.slot), &b.Rows[r.row])
	left := s.timeOf(b.Hashes[r.row], s.last)
	if s.window.FirstEnd(slice) > left {
		return nil
	}
	return s.fireAgain(b, r.row, slice, left)
}

// fireAgain gives, for a row that came late but in time to be counted, the results of its windows that have fired
// already.
func (s *SliceWindows[K, T, A, R]) fireAgain(b *flow.Batch[T], row int, slice, left int64) error {
	key := s.key(&b.Rows[row])
	last := min(left, s.window.LastEnd(slice))
	for end := s.window.FirstEnd(slice); end <= last; end += s.window.Slide() {
		if end+s.window.Lateness() <= left {
			continue
		}
		acc, err := s.mergeKey(end, key, b.Hashes[row])
		if err != nil {
			return err
		}
		s.result(s.fired, &key, end-s.window.Size(), end, &acc)
	}
	return s.sendMuch()
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

// fireUpTo fires the windows that a watermark completes, in the order of their ends, and forgets what is over.
func (s *SliceWindows[K, T, A, R]) fireUpTo(t int64) (done bool, err error) {
	fired := 0
	for ; fired < len(s.ends) && s.ends[fired] <= t; fired++ {
		if err := s.fireWindow(s.ends[fired]); err != nil {
			return false, err
		}
	}
	s.ends = slices.Delete(s.ends, 0, fired)
	if fired > 0 || s.window.Lateness() > 0 {
		s.forget(t)
	}
	return true, nil
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

// fireWindow gives a row for each key of a window.
func (s *SliceWindows[K, T, A, R]) fireWindow(end int64) (err error) {
	start := end - s.window.Size()
	defer s.env.rescue(&err, func() (any, int64) { return nil, end - 1 })
	give := func(key *K, acc *A) error {
		if s.hasFired(key, end) {
			return nil
		}
		s.result(s.fired, key, start, end, acc)
		return s.sendMuch()
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
	return nil
}

// hasFired reports whether the key's window fired before a restore.
func (s *SliceWindows[K, T, A, R]) hasFired(key *K, end int64) bool {
	return s.ahead != nil && s.timeOf(s.state.store.Hash(*key), flow.NoTime) >= end
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
