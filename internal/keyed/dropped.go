package keyed

import "math"

// frozenDropped deletes a state that the program does not have any more: nothing reads it, so all that there is to
// do is one range for each key group. It is written with the other changes of its epoch, so a checkpoint either has
// the state and names it, or has neither.
type frozenDropped struct {
	core *core
	id   uint32
}

// abandon has the next snapshot delete a state.
func (c *core) abandon(name string) { c.dropped = append(c.dropped, stateID(name)) }

// freezeDropped returns what the next snapshot is to delete.
func (c *core) freezeDropped() (all []frozenState) {
	for _, id := range c.dropped {
		all = append(all, &frozenDropped{c, id})
	}
	c.dropped = nil
	return all
}

// everything is all that a state has in a key group.
var everything = span{math.MinInt64, math.MaxInt64}

func (f *frozenDropped) state() uint32        { return f.id }
func (f *frozenDropped) ranges() []span       { return []span{everything} }
func (f *frozenDropped) gather(int, *changes) {}
func (f *frozenDropped) forget()              {}
func (f *frozenDropped) release()             { f.core.dropped = append(f.core.dropped, f.id) }
