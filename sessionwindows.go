package aquifer

import (
	"cmp"
	"errors"
	"slices"

	"github.com/aquifer-stream/aquifer/state"
)

// keptSession is a session of a key: it ends a gap after Last. It is stored, so its fields are its format.
type keptSession struct {
	Start, Last int64
	Mark        windowMark
	Parts       []windowPart
	// Complete is set when event time has gone past the end, and the session is only kept for rows that come late.
	Complete bool
}

// keptSessions are those of a key. Next numbers their parts.
type keptSessions struct {
	Next int64
	All  []keptSession // in the order of their times
}

// sessionWindows are sessions. Each has one part, and those of all sessions that have merged into it.
type sessionWindows[K comparable, T, Out any] struct {
	firingWindows[K, T, Out]
	sessions state.Value[keptSessions]
}

func (s *sessionWindows[K, T, Out]) Open(scope *state.Scope) (err error) {
	if s.sessions, err = state.NewValue[keptSessions](scope, "sessions"); err != nil {
		return err
	}
	return s.contents.open(scope)
}

// Prefetch names nothing: the sessions come with their key.
func (s *sessionWindows[K, T, Out]) Prefetch(*Prefetch, *T) error { return nil }

// end is when a session ends: a row at that time still joins it.
func (s *sessionWindows[K, T, Out]) end(o *keptSession) int64 { return o.Last + s.window.Gap() }

func (s *sessionWindows[K, T, Out]) Process(ctx *Context, in *T, out Collector[Out]) error {
	if err := s.needTime(ctx); err != nil {
		return err
	}
	all, _, err := s.sessions.Get(ctx)
	if err != nil {
		return err
	}
	o, others, touched := s.merge(all.All, ctx.Time)
	if !touched && ctx.Time+s.window.Gap()+s.window.Lateness() < ctx.Watermark {
		return leaveLate(ctx, s.late, in)
	}
	if len(o.Parts) == 0 {
		o.Parts = []windowPart{{At: all.Next}}
		all.Next++
	}
	last := &o.Parts[len(o.Parts)-1]
	if err := s.contents.add(ctx, *last, in); err != nil {
		return err
	}
	last.Rows++
	if err := s.came(ctx, &o, out); err != nil {
		return err
	}
	i, _ := slices.BinarySearchFunc(others, o, func(a, b keptSession) int { return cmp.Compare(a.Start, b.Start) })
	all.All = slices.Insert(others, i, o)
	return s.sessions.Set(ctx, all)
}

// merge makes one session of those that a row touches, and returns the others. The session is not complete if one of
// them was not.
func (s *sessionWindows[K, T, Out]) merge(all []keptSession, t int64) (m keptSession, others []keptSession, touched bool) {
	m = keptSession{Start: t, Last: t, Complete: true}
	gap := s.window.Gap()
	for _, o := range all {
		if t > o.Last+gap || t+gap < o.Start {
			others = append(others, o)
			continue
		}
		m.Start, m.Last = min(m.Start, o.Start), max(m.Last, o.Last)
		m.Parts = append(m.Parts, o.Parts...)
		m.Mark.merge(o.Mark)
		m.Complete = m.Complete && o.Complete
		touched = true
	}
	return m, others, touched
}

// came does what the trigger says about a row that has come to a session. A session that was not complete has a timer,
// which is early now.
func (s *sessionWindows[K, T, Out]) came(ctx *Context, o *keptSession, out Collector[Out]) (err error) {
	end, timed := s.end(o), !o.Complete
	o.Complete = end < ctx.Watermark
	if o.Complete {
		err = ctx.RegisterEventTimer(end + s.window.Lateness() + 1)
	} else if !timed {
		err = ctx.RegisterEventTimer(end + 1)
	}
	if s.trigger.ProcessingTime {
		err = errors.Join(err, ctx.RegisterProcessingTimer(end+1))
	}
	full, failed := o.Mark.count(ctx, s.trigger)
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if full || s.trigger.EventTime && o.Complete {
		return s.fire(ctx, o, byRow(ctx), out)
	}
	return nil
}

// OnTimer lets sessions fire, and forgets those that are over.
func (s *sessionWindows[K, T, Out]) OnTimer(ctx *Context, timer Timer, out Collector[Out]) error {
	all, ok, err := s.sessions.Get(ctx)
	if err != nil || !ok {
		return err
	}
	var kept []keptSession
	for _, o := range all.All {
		over, err := s.settle(ctx, timer, &o, out)
		if err != nil {
			return err
		}
		if !over {
			kept = append(kept, o)
		} else if err := s.drop(ctx, &o); err != nil {
			return err
		}
	}
	if all.All = kept; len(kept) == 0 {
		return s.sessions.Clear(ctx)
	}
	return s.sessions.Set(ctx, all)
}

// settle does for a session what there is to do when a timer fires. It reports whether the session is over.
func (s *sessionWindows[K, T, Out]) settle(
	ctx *Context, timer Timer, o *keptSession, out Collector[Out],
) (over bool, err error) {
	end := s.end(o)
	fires := o.Mark.due(ctx, timer, s.trigger)
	if timer.Processing {
		fires = fires || s.trigger.ProcessingTime && o.Mark.Rows > 0 && end < ctx.Time
	} else {
		fires = fires && o.Mark.EventTime <= end+s.window.Lateness()+1 // the timer of the end may be behind this one
		fires = fires || s.trigger.EventTime && !o.Complete && end < ctx.Time
		o.Complete = o.Complete || end < ctx.Time
	}
	if fires {
		if err := s.fire(ctx, o, byTimer(ctx, timer), out); err != nil {
			return false, err
		}
	}
	switch {
	case timer.Processing:
		return false, nil
	case !o.Complete:
		return false, ctx.RegisterEventTimer(end + 1)
	case end+s.window.Lateness() < ctx.Time:
		return true, nil
	}
	return false, ctx.RegisterEventTimer(end + s.window.Lateness() + 1)
}

// fire lets a session fire, if it has rows.
func (s *sessionWindows[K, T, Out]) fire(
	ctx *Context, o *keptSession, by firing, out Collector[Out],
) error {
	o.Mark = windowMark{}
	if len(o.Parts) == 0 {
		return nil
	}
	w := WindowContext[K]{Start: o.Start, End: s.end(o), Early: by.now <= s.end(o)}
	err := s.give(ctx, w, o.Parts, by, out)
	if err == nil && s.trigger.Purging {
		err = s.drop(ctx, o)
	}
	return err
}

func (s *sessionWindows[K, T, Out]) drop(ctx *Context, o *keptSession) (err error) {
	for _, p := range o.Parts {
		err = errors.Join(err, s.contents.drop(ctx, p))
	}
	o.Parts = nil
	return err
}
