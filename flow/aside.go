package flow

// Aside is a call of a function that may emit rows to side outputs: a *[Context] or a *[BroadcastContext].
type Aside interface {
	aside(side any) (to any, err error)
	eventTime() int64
}

// AsideRows takes the rows of a side output. It is implemented by Aquifer.
type AsideRows[T any] interface {
	// Append adds a row with its event time in milliseconds.
	Append(row T, time int64)
}

// SidesOf finds what takes the rows of a side output: an AsideRows of its row type; nil if it is none of the operator's. It
// is implemented by Aquifer.
type SidesOf interface{ Side(side any) any }

// EmitAside adds a row to a side output of the operator that ctx is of, with an event time of its own, or that of the record
// or timer for NoTime. It reports false if the operator has no such side output. It is for the engine.
func EmitAside[T any](ctx Aside, side any, row T, time int64) (has bool, err error) {
	to, err := ctx.aside(side)
	if to == nil || err != nil {
		return false, err
	}
	if time == NoTime {
		time = ctx.eventTime()
	}
	to.(AsideRows[T]).Append(row, time)
	return true, nil
}

func (c *Context) eventTime() int64 { return c.Time }

func (c *Context) aside(side any) (to any, err error) {
	if !c.active && !c.begun {
		return nil, ErrOutsideCall
	}
	return c.engine.Side(side), nil
}

func (c *BroadcastContext) eventTime() int64 { return c.Time }

func (c *BroadcastContext) aside(side any) (to any, err error) {
	if !c.active {
		return nil, ErrOutsideCall
	}
	return c.sides.Side(side), nil
}
