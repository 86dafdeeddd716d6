package flow

import (
	"context"
	"errors"
)

// Context is the record or timer that a function is processing. It, the state that is reached through it and the
// timers it sets are for the call that it was passed to, and for the goroutine of that call.
//
// A use after the call is refused with [ErrOutsideCall], as long as no other call of the function is under way. What
// cannot be detected: a goroutine that uses the Context while its call runs (a data race), and a Context that is
// kept and used during a later call: it is the same one, and stands for that call's key.
type Context struct {
	// Context ends when the task must stop; pass it to calls that block.
	context.Context
	// Time is the event time of the record or timer in milliseconds, or NoTime.
	Time int64
	// Watermark is the operator's event time in milliseconds: rows with an earlier time are late.
	Watermark int64

	engine Engine
	slot   uint32
	active bool
	begun  bool // the call has no slot until its first access to state
	call   uint64
	asked  any
}

// ErrOutsideCall is returned when state is used with a Context whose call has ended.
var ErrOutsideCall = errors.New("state or timer used outside the call that its Context was passed to")

// ErrOtherCall is returned when what a record has asked for is waited for in another call.
var ErrOtherCall = errors.New("a Future is used in another call than the one that asked for it: " +
	"wait for it before the call returns, with the call's own Context")

// ErrNoTimers is returned when a function asks for a timer but has no OnTimer method.
var ErrNoTimers = errors.New("the function has no OnTimer method to call when a timer fires")

// Engine is what stands behind a Context. It is implemented by Aquifer.
type Engine interface {
	// Key returns a pointer to the key being processed, a *K.
	Key() any
	// FirstAccess returns the slot of a call that Begin began, when it may use it; false if the task ends meanwhile, or
	// the goroutine is not the call's.
	FirstAccess() (slot uint32, ok bool)
	// RegisterEventTimer and the others are those of Context.
	RegisterEventTimer(slot uint32, time int64) error
	RegisterProcessingTimer(slot uint32, time int64) error
	CancelEventTimer(slot uint32, time int64) error
	CancelProcessingTimer(slot uint32, time int64) error
	// ProcessingTime is the machine's time in milliseconds.
	ProcessingTime() int64
	// CountLate is that of Context.
	CountLate()
	SidesOf
}

// NewContext returns a context for the engine to enter and leave.
func NewContext(ctx context.Context, engine Engine) *Context {
	return &Context{Context: ctx, engine: engine, Time: NoTime, Watermark: NoTime}
}

// Enter makes the context that of a record or timer of the key in the given slot. It is for the engine.
func (c *Context) Enter(slot uint32, time int64) {
	c.slot, c.Time, c.active, c.begun = slot, time, true, false
	c.call++
}

// Begin is Enter of a record that asks for its slot when it accesses state for the first time. It is for the engine.
func (c *Context) Begin(time int64) {
	c.Time, c.active, c.begun = time, false, true
	c.call++
}

// Leave ends what Enter or Begin began. It is for the engine.
func (c *Context) Leave() { c.active, c.begun = false, false }

// Slot returns the place of the key in the hot tables, and whether the context is in use. It is for the
// engine.
func (c *Context) Slot() (slot uint32, active bool) {
	if c.active {
		return c.slot, true
	}
	return c.firstAccess()
}

func (c *Context) firstAccess() (slot uint32, active bool) {
	if !c.begun {
		return 0, false
	}
	if slot, active = c.engine.FirstAccess(); active {
		c.slot, c.active, c.begun = slot, true, false
	}
	return slot, active
}

// Call is the number of the call that the context is in, and Asked the place of what the record has asked for. They
// are for the engine.
func (c *Context) Call() (number uint64, asked *any) { return c.call, &c.asked }

// Keyed is what belongs to a key: a *[Context] or a *[Prefetch].
type Keyed interface{ itsKey() any }

func (c *Context) itsKey() any { return c.engine.Key() }

// Key returns the key of the record or timer being processed, or of the record that will be. K must be the type of
// the stream's key.
func Key[K comparable](c Keyed) K { return *c.itsKey().(*K) }

// RegisterEventTimer asks for a call of OnTimer for this key when event time reaches the given time, in
// milliseconds. Registering a time twice is the same as once. At the end of a bounded input event time reaches
// [EndOfTime], so every event timer fires, those included that OnTimer sets then.
func (c *Context) RegisterEventTimer(time int64) error {
	slot, active := c.Slot()
	if !active {
		return ErrOutsideCall
	}
	return c.engine.RegisterEventTimer(slot, time)
}

// CancelEventTimer takes back RegisterEventTimer.
func (c *Context) CancelEventTimer(time int64) error {
	slot, active := c.Slot()
	if !active {
		return ErrOutsideCall
	}
	return c.engine.CancelEventTimer(slot, time)
}

// RegisterProcessingTimer asks for a call of OnTimer for this key when the machine's clock reaches the
// given time, in milliseconds since 1970 UTC. A job does not wait for its processing timers when its input ends:
// those that are not due do not fire. They are in the last checkpoint, as state is, and fire when a job that goes on
// from it still runs at their time.
func (c *Context) RegisterProcessingTimer(time int64) error {
	slot, active := c.Slot()
	if !active {
		return ErrOutsideCall
	}
	return c.engine.RegisterProcessingTimer(slot, time)
}

// CancelProcessingTimer takes back RegisterProcessingTimer.
func (c *Context) CancelProcessingTimer(time int64) error {
	slot, active := c.Slot()
	if !active {
		return ErrOutsideCall
	}
	return c.engine.CancelProcessingTimer(slot, time)
}

// ProcessingTime is the machine's time in milliseconds since 1970 UTC.
func (c *Context) ProcessingTime() int64 { return c.engine.ProcessingTime() }

// CountLate counts the record as one that came too late: in aquifer_operator_rows_late_total, and in what a running job
// tells of itself. Whether a record is too late is for its function to say, so nobody else counts it: a function calls
// CountLate once for each that it drops, or sends to a side output, for being behind the Watermark.
func (c *Context) CountLate() { c.engine.CountLate() }

// Timer is what OnTimer is called for; its time is the Context's.
type Timer struct {
	// Processing is set for timers by the machine's clock.
	Processing bool
}
