package operator

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/window"
)

// session is a session of one key: its end is Last plus the gap. It is stored, so its fields are its format.
type session[A any] struct {
	Start, Last int64
	// Fired is set when its result has been emitted and it is only kept for rows that come late.
	Fired bool
	// Others is, in the column, how many more sessions the key has.
	Others int32
	Acc    A
}

// SessionWindows aggregates the rows of a keyed stream over sessions. Sessions that a row touches merge.
//
// Nearly always a key has one session: it is in a column, and a row that extends it changes nothing else. Its
// timer stays where it was; when it fires too early, it is set again for the session's end.
type SessionWindows[K comparable, T, A, R any] struct {
	windowing[K, T, A, R]
	one    *keyed.Column[session[A]]
	more   *keyed.Map[int64, session[A]] // by start; for keys with more than one
	timers *keyed.Timers
	dueSessions
}

// NewSessionWindows returns the operator for session windows. late, if not nil, gets the rows that are too
// late for a session.
func NewSessionWindows[K comparable, T, A, R any](
	env *Env, next Receiver[flow.Windowed[K, R]], late Receiver[T],
	key func(*T) K, w window.Window, agg flow.Aggregator[T, A, R],
) (*SessionWindows[K, T, A, R], error) {
	s, err := newStateOf[K](env)
	if err != nil {
		return nil, err
	}
	o := &SessionWindows[K, T, A, R]{windowing: newWindowing(s, next, late, key, w, agg)}
	o.steps = o
	return o, nil
}

// PlanSessionWindows returns what can be known of the state before the operator runs.
func PlanSessionWindows[K comparable, A any](name string) *Planned {
	return planned(name, func(s *stateOf[K]) error {
		_, _, _, err := declareSessions[K, A](s)
		return err
	})
}

func declareSessions[K comparable, A any](s *stateOf[K]) (
	one *keyed.Column[session[A]], more *keyed.Map[int64, session[A]], timers *keyed.Timers, err error,
) {
	if one, err = keyed.NewColumn[session[A]](s.store, "session"); err != nil {
		return
	}
	if more, err = keyed.NewMap[int64, session[A]](s.store, "sessions"); err != nil {
		return
	}
	timers, err = keyed.NewTimers(s.store, "timers")
	return
}

// Open restores the sessions.
func (s *SessionWindows[K, T, A, R]) Open() (err error) {
	if s.one, s.more, s.timers, err = declareSessions[K, A](s.state); err != nil {
		return err
	}
	return s.restore()
}

// Batch adds the rows to their sessions, or puts them in flight.
func (s *SessionWindows[K, T, A, R]) Batch(b *flow.Batch[T]) (err error) {
	s.env.Stats.RowsIn.Add(int64(len(b.Rows)))
	if err := s.needTimes(b); err != nil {
		return err
	}
	slots := s.slotsFor(len(b.Rows))
	ahead, err := find(s.state, b, s.key, slots)
	if err != nil {
		return err
	}
	s.one.Touch(slots)
	l := s.newLoad(b, ahead)
	if err := s.addBatch(l, slots); err != nil {
		return err
	}
	return s.depart(l)
}

func (s *SessionWindows[K, T, A, R]) addBatch(l *rowLoad[T], slots []keyed.Slot) (err error) {
	s.batch, s.at = l.batch, 0
	defer s.env.rescue(&err, s.where)
	if s.clear() && l.ahead == nil {
		if err := s.addAll(l, slots); err != nil {
			return err
		}
	}
	return s.addSome(l, slots)
}

// addAll is the hot loop: most rows extend the only session of their key. It ends at a row that has to wait.
func (s *SessionWindows[K, T, A, R]) addAll(l *rowLoad[T], slots []keyed.Slot) error {
	gap, b := s.window.Gap(), l.batch
	for s.at < len(b.Rows) {
		slot, t := slots[s.at], b.Times[s.at]
		if p, ok := s.one.Peek(slot); ok && p.Others == 0 && !p.Fired && t >= p.Start && t <= p.Last+gap {
			p = s.one.Ptr(slot)
			p.Last = max(p.Last, t)
			s.agg.Add(&p.Acc, &b.Rows[s.at])
		} else if s.others(slot) != nil {
			return nil
		} else if err := s.merge(slot); err != nil {
			return err
		}
		s.at++
	}
	return nil
}

// addSome adds those of the other rows of a batch that can be added, and puts the rest in flight.
func (s *SessionWindows[K, T, A, R]) addSome(l *rowLoad[T], slots []keyed.Slot) error {
	b := l.batch
	for ; s.at < len(b.Rows); s.at++ {
		r := waitingRow[T]{load: l, row: s.at, seat: seat{s.state.store, slots[s.at]}}
		// What it touches otherwise is not over for any watermark that has come.
		behind := len(s.events) > 0 && b.Times[s.at] < s.arrived
		if behind || !s.free(b.Hashes[s.at]) || r.coming() || s.others(r.slot) != nil {
			s.hold(r.seat)
			s.env.Stats.Waited.Add(1)
			s.wait(r, behind)
		} else if err := s.merge(r.slot); err != nil {
			return err
		}
	}
	return nil
}

// addRow implements windowSteps.
func (s *SessionWindows[K, T, A, R]) addRow(r *waitingRow[T]) error {
	s.batch, s.at = r.load.batch, r.row
	return s.merge(r.slot)
}

// wants implements windowSteps: a key's other sessions.
func (s *SessionWindows[K, T, A, R]) wants(r *waitingRow[T]) *keyed.Ahead { return s.others(r.slot) }

// others is the read of a key's sessions but for the one in the column, or nil if they are in memory.
func (s *SessionWindows[K, T, A, R]) others(slot keyed.Slot) *keyed.Ahead {
	if one, ok := s.one.Peek(slot); !ok || one.Others == 0 {
		return nil
	}
	a := s.state.store.NewAhead()
	if s.more.WantAll(a, slot); a.Empty() {
		return nil
	}
	return a
}

// merge joins the row at hand with all the sessions that it touches, which may be none.
func (s *SessionWindows[K, T, A, R]) merge(slot keyed.Slot) error {
	b, gap := s.batch, s.window.Gap()
	t, last := b.Times[s.at], s.timeOf(b.Hashes[s.at], s.last)
	merged := session[A]{Start: t, Last: t}
	touched := false
	all, err := s.sessions(slot)
	if err != nil {
		return err
	}
	for _, o := range all {
		if t > o.Last+gap || t+gap < o.Start {
			continue
		}
		if err := s.remove(slot, o.Start); err != nil {
			return err
		}
		s.mergeInto(&merged.Acc, &o.Acc, !touched)
		merged.Start, merged.Last = min(merged.Start, o.Start), max(merged.Last, o.Last)
		touched = true
	}
	if !touched && t+gap+s.window.Lateness() < last {
		return s.dropLate(b, s.at, s.at+1)
	}
	s.agg.Add(&merged.Acc, &b.Rows[s.at])
	end := merged.Last + gap
	if end < last {
		s.result(s.fired, s.state.store.Key(slot), merged.Start, end, &merged.Acc)
		merged.Fired = true
		end += s.window.Lateness()
	}
	s.put(slot, merged)
	s.timers.Register(slot, end+1)
	return nil
}

// sessions are all of a key's.
func (s *SessionWindows[K, T, A, R]) sessions(slot keyed.Slot) ([]session[A], error) {
	one, ok := s.one.Get(slot)
	if !ok {
		return nil, nil
	}
	all := []session[A]{one}
	if one.Others == 0 {
		return all, nil
	}
	more, err := s.more.All(slot)
	if err != nil {
		return nil, err
	}
	for _, o := range more {
		all = append(all, o)
	}
	return all, s.state.store.Failure(slot)
}

// remove forgets a session. If it was the one in the column, one of the others takes its place.
func (s *SessionWindows[K, T, A, R]) remove(slot keyed.Slot, start int64) error {
	one, _ := s.one.Get(slot)
	others := one.Others
	if one.Start != start {
		s.more.Remove(slot, start)
		s.one.Ptr(slot).Others--
		return nil
	}
	s.one.Clear(slot)
	if others == 0 {
		return nil
	}
	more, err := s.more.All(slot)
	if err != nil {
		return err
	}
	for _, o := range more {
		s.more.Remove(slot, o.Start)
		o.Others = others - 1
		s.one.Set(slot, &o)
		break
	}
	return s.state.store.Failure(slot)
}

// put keeps a session in the column if that is free, and among the others if not.
func (s *SessionWindows[K, T, A, R]) put(slot keyed.Slot, o session[A]) {
	o.Others = 0
	if _, taken := s.one.Peek(slot); taken {
		s.more.Set(slot, o.Start, o)
		s.one.Ptr(slot).Others++
		return
	}
	s.one.Set(slot, &o)
}
