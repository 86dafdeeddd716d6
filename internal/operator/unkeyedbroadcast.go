package operator

import (
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/state"
)

// UnkeyedBroadcastFunc is a user's function over a stream without keys and one that every subtask has whole; package
// aquifer documents it.
type UnkeyedBroadcastFunc[In, B, Out any] interface {
	UnkeyedFunc[In, Out]
	Open(scope *state.Scope) error
	ProcessBroadcast(ctx *flow.BroadcastContext, in *B, out flow.Collector[Out]) error
}

// noKey stands for the key of what has none.
type noKey = struct{}

// PlanUnkeyedBroadcast returns what can be known of the state of a function before it runs.
func PlanUnkeyedBroadcast[In, B, Out any](name string, newFunc func() UnkeyedBroadcastFunc[In, B, Out]) *Planned {
	p := planned(name, func(s *stateOf[noKey]) error { return declareBroadcasts(s, newFunc()) })
	p.Unkeyed = true
	return p
}

// declareBroadcasts lets a function without keys declare its state, all of which must be broadcast state.
func declareBroadcasts(s *stateOf[noKey], fn stateful) error {
	if err := openState(s, fn); err != nil {
		return err
	}
	for _, st := range s.store.States() {
		if st.Kind != "broadcast" {
			return base.Errorf(base.Config, "operator %q declares the state %q, a %s of each key, and has no keys: "+
				"use broadcast state, or ProcessBroadcast behind KeyBy", s.env.Name, st.Name, st.Kind)
		}
	}
	return nil
}

// UnkeyedBroadcast is an Unkeyed whose right side are the rows that every subtask gets.
type UnkeyedBroadcast[In, B, Out any] struct {
	*Unkeyed[In, Out]
	state *stateOf[noKey]
	fn    UnkeyedBroadcastFunc[In, B, Out]
	told  announcing[B, Out]
}

// NewUnkeyedBroadcast returns the operator that applies fn.
func NewUnkeyedBroadcast[In, B, Out any](
	env *Env, next Receiver[Out], fn UnkeyedBroadcastFunc[In, B, Out],
) (*UnkeyedBroadcast[In, B, Out], error) {
	s, err := newStateOf[noKey](env)
	if err != nil {
		return nil, err
	}
	return &UnkeyedBroadcast[In, B, Out]{NewUnkeyed(env, next, fn), s, fn, newAnnouncing[B, Out](env, fn)}, nil
}

// Open declares the function's state and restores it.
func (u *UnkeyedBroadcast[In, B, Out]) Open() error {
	if err := declareBroadcasts(u.state, u.fn); err != nil {
		return err
	}
	return u.state.restore()
}

// Snapshot has nothing but broadcast state.
func (u *UnkeyedBroadcast[In, B, Out]) Snapshot(uint64) (Snapshot, error) {
	return Snapshot{Watermark: u.last, Broadcasts: u.state.broadcasts()}, nil
}

// Close closes the function and gives back the memory of the state.
func (u *UnkeyedBroadcast[In, B, Out]) Close() error {
	u.state.cancel()
	u.state.store.Close()
	return u.Unkeyed.Close()
}

// Side implements TwoSided.
func (u *UnkeyedBroadcast[In, B, Out]) Side(s Side) any {
	if s == Left {
		return u.Unkeyed
	}
	return announced[In, B, Out]{u}
}

// announced is the Receiver of the rows that every subtask gets.
type announced[In, B, Out any] struct{ *UnkeyedBroadcast[In, B, Out] }

func (s announced[In, B, Out]) Batch(b *flow.Batch[B]) error {
	rows, out := len(b.Rows), s.out.Get()
	if err := s.told.take(b, s.last, out); err != nil {
		return err
	}
	return s.emit(rows, out)
}
