package flow

import "context"

// BroadcastContext is the record of a broadcast stream that a function is processing. It belongs to no key, so it
// reaches the function's broadcast state only. It is for the call that it was passed to.
type BroadcastContext struct {
	// Context ends when the task must stop; pass it to calls that block.
	context.Context
	// Time is the event time of the record in milliseconds, or NoTime.
	Time int64
	// Watermark is the operator's event time in milliseconds.
	Watermark int64

	active bool
	sides  SidesOf
}

// NewBroadcastContext returns a context for the engine to enter and leave. sides may be nil for none.
func NewBroadcastContext(ctx context.Context, sides SidesOf) *BroadcastContext {
	return &BroadcastContext{Context: ctx, Time: NoTime, Watermark: NoTime, sides: sides}
}

// Enter makes the context that of a record. It is for the engine.
func (c *BroadcastContext) Enter(time, watermark int64) {
	c.Time, c.Watermark, c.active = time, watermark, true
}

// Leave ends what Enter began. It is for the engine.
func (c *BroadcastContext) Leave() { c.active = false }

// Check returns [ErrOutsideCall] when the call has ended.
func (c *BroadcastContext) Check() error {
	if !c.active {
		return ErrOutsideCall
	}
	return nil
}
