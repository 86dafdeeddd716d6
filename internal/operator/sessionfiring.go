package operator

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// dueSessions are the keys whose timers the watermark that is performed has made due. Most are settled as soon as their
// timers are popped; others are held until their sessions are in memory.
type dueSessions struct {
	timersRead bool         // timers are being read, which come before those that fire next
	reads      int          // under way for keys with several sessions
	popped     []keyed.Slot // whose turn it is
	coming     []keyed.Slot // that rows behind the watermark have asked for
	come       []keyed.Slot // whose other sessions have come
	fires      bool         // something has been due
	slot       keyed.Slot   // being settled
}

// dueReads is how many groups of keys with several sessions are read at once.
const dueReads = 16

// fireUpTo fires the sessions that a watermark completes, a few keys at a time.
func (s *SessionWindows[K, T, A, R]) fireUpTo(t int64) (done bool, err error) {
	s.slot = keyed.NoSlot
	defer s.env.rescue(&err, s.whose)
	if err := s.settleHeld(t); err != nil {
		return false, err
	}
	for !s.timersRead && s.reads < dueReads {
		next, ok := s.timers.Next()
		if !ok || next > t {
			break
		}
		s.fires = true
		if known := s.timers.Known(); next > known {
			s.readTimers(t)
		} else if err := s.settleNext(t, min(t, known)); err != nil {
			return false, err
		}
	}
	if s.timersRead || s.reads > 0 || len(s.coming) > 0 {
		return false, nil
	}
	if s.fires {
		s.fires = false
		s.state.count()
	}
	return true, nil
}

// whose is the key that is being settled.
func (s *SessionWindows[K, T, A, R]) whose() (any, int64) {
	if s.slot == keyed.NoSlot {
		return nil, flow.NoTime
	}
	return *s.state.store.Key(s.slot), flow.NoTime
}

// readTimers reads the next timers, and then the sessions of their keys.
func (s *SessionWindows[K, T, A, R]) readTimers(t int64) {
	d := s.timers.Due(t)
	s.timersRead = true
	s.arrivals.begin(func() { _ = d.Read(s.state.ctx, s.env.Below) }, func() error {
		a, err := s.timers.Take(d)
		if err != nil {
			return err
		}
		if a == nil {
			s.timersRead = false
			return nil
		}
		s.read(a, func() error { s.timersRead = false; return nil })
		return nil
	})
}

// settleNext pops some timers up to a time that all are known of, and settles their keys as of a watermark.
func (s *SessionWindows[K, T, A, R]) settleNext(watermark, upTo int64) error {
	if err := s.state.writeEarly(); err != nil {
		return err
	}
	s.popped = s.popped[:0]
	err := s.timers.PopSome(upTo, dueAtOnce, func(slot keyed.Slot, _ int64) { s.popped = append(s.popped, slot) })
	if err != nil {
		return err
	}
	var ahead *keyed.Ahead
	var others []keyed.Slot
	for _, slot := range s.popped {
		if s.state.store.Coming(slot) {
			s.hold(seat{s.state.store, slot})
			s.coming = append(s.coming, slot)
			continue
		}
		if one, ok := s.one.Peek(slot); ok && one.Others > 0 {
			if ahead == nil {
				ahead = s.state.store.NewAhead()
			}
			before := ahead.Len()
			if s.more.WantAll(ahead, slot); ahead.Len() > before {
				s.hold(seat{s.state.store, slot})
				others = append(others, slot)
				continue
			}
		}
		if err := s.settle(slot, watermark); err != nil {
			return err
		}
	}
	if len(others) > 0 {
		s.readOthers(ahead, others)
	}
	return nil
}

// readOthers reads the sessions of keys that have several.
func (s *SessionWindows[K, T, A, R]) readOthers(a *keyed.Ahead, slots []keyed.Slot) {
	s.reads++
	s.read(a, func() error {
		s.reads--
		s.come = append(s.come, slots...)
		return nil
	})
}

// settleHeld settles the keys that were put off and whose sessions have come.
func (s *SessionWindows[K, T, A, R]) settleHeld(t int64) error {
	waiting := s.coming[:0]
	for _, slot := range s.coming {
		if s.state.store.Coming(slot) {
			waiting = append(waiting, slot)
		} else {
			s.come = append(s.come, slot)
		}
	}
	s.coming = waiting
	for _, slot := range s.come {
		if err := s.settle(slot, t); err != nil {
			return err
		}
		s.release(seat{s.state.store, slot})
	}
	s.come = s.come[:0]
	return nil
}

// settle fires those of a key's sessions that are complete, forgets those that are over, and sets the timers
// of the others.
func (s *SessionWindows[K, T, A, R]) settle(slot keyed.Slot, t int64) error {
	s.slot = slot
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
			s.result(s.fired, s.state.store.Key(slot), o.Start, end, &o.Acc)
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
	return s.sendMuch()
}
