package operator

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/record"
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
	fired  *flow.Batch[flow.Windowed[K, R]] // results on their way out
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
	return &SessionWindows[K, T, A, R]{windowing: newWindowing(s, next, late, key, w, agg)}, nil
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

// Batch adds the rows to their sessions.
func (s *SessionWindows[K, T, A, R]) Batch(b *flow.Batch[T]) error {
	s.env.Stats.RowsIn.Add(int64(len(b.Rows)))
	if err := s.needTimes(b); err != nil {
		return err
	}
	if err := lookup(s.state, b, s.key); err != nil {
		return err
	}
	s.one.Touch(s.state.slots)
	s.fired = s.out.Get()
	if err := s.addAll(b); err != nil {
		return err
	}
	s.in.Put(b)
	return s.emit(0, s.fired)
}

// addAll is the hot loop: most rows extend the only session of their key.
func (s *SessionWindows[K, T, A, R]) addAll(b *flow.Batch[T]) (err error) {
	defer s.env.rescue(&err, func() (any, int64) { return s.state.keys[s.at], b.Times[s.at] })
	gap := s.window.Gap()
	for s.at = range b.Rows {
		slot, t := s.state.slots[s.at], b.Times[s.at]
		if p, ok := s.one.Peek(slot); ok && p.Others == 0 && !p.Fired && t >= p.Start && t <= p.Last+gap {
			p = s.one.Ptr(slot)
			p.Last = max(p.Last, t)
			s.agg.Add(&p.Acc, &b.Rows[s.at])
			continue
		}
		if err := s.merge(b, slot, t); err != nil {
			return err
		}
	}
	return nil
}

// merge joins the row with all the sessions that it touches, which may be none.
func (s *SessionWindows[K, T, A, R]) merge(b *flow.Batch[T], slot keyed.Slot, t int64) error {
	gap := s.window.Gap()
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
	if !touched && t+gap+s.window.Lateness() < s.last {
		return s.dropLate(b, s.at, s.at+1)
	}
	s.agg.Add(&merged.Acc, &b.Rows[s.at])
	end := merged.Last + gap
	if end < s.last {
		s.result(s.fired, &s.state.keys[s.at], merged.Start, end, &merged.Acc)
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

// Watermark fires the sessions that it completes.
func (s *SessionWindows[K, T, A, R]) Watermark(t int64) error {
	if next, ok := s.timers.Next(); ok && next <= t {
		if err := s.fireUpTo(t); err != nil {
			return err
		}
		s.state.count()
	}
	return s.forward(t)
}

func (s *SessionWindows[K, T, A, R]) fireUpTo(t int64) (err error) {
	s.fired = s.out.Get()
	var key K
	defer s.env.rescue(&err, func() (any, int64) { return key, flow.NoTime })
	err = s.timers.Pop(t, func(slot keyed.Slot, _ int64) error {
		if err := s.state.writeEarly(); err != nil {
			return err
		}
		key = *s.state.store.Key(slot)
		if err := s.settle(slot, &key, t); err != nil {
			return err
		}
		if len(s.fired.Rows) < record.DefaultBatch {
			return nil
		}
		full := s.fired
		s.fired = s.out.Get()
		return s.emit(0, full)
	})
	if err != nil {
		return err
	}
	return s.emit(0, s.fired)
}

// settle fires those of a key's sessions that are complete, forgets those that are over, and sets the timers
// of the others.
func (s *SessionWindows[K, T, A, R]) settle(slot keyed.Slot, key *K, t int64) error {
	all, err := s.sessions(slot)
	if err != nil {
		return err
	}
	for _, o := range all {
		end := o.Last + s.window.Gap()
		if end >= t {
			s.timers.Register(slot, end+1)
			continue
		}
		if !o.Fired {
			s.result(s.fired, key, o.Start, end, &o.Acc)
		}
		if err := s.remove(slot, o.Start); err != nil {
			return err
		}
		if over := end + s.window.Lateness(); over >= t {
			o.Fired = true
			s.put(slot, o)
			s.timers.Register(slot, over+1)
		}
	}
	return nil
}
