package state_test

import (
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/state"
)

// once passes on the first row of each key, and again one that comes after a day without any.
type once struct {
	seen state.Value[bool]
}

func (o *once) Open(s *state.Scope) (err error) {
	o.seen, err = state.NewValue[bool](s, "seen", state.TTL(24*time.Hour))
	return err
}

func (o *once) Process(ctx *aquifer.Context, row *string, out aquifer.Collector[string]) error {
	_, seen, err := o.seen.Get(ctx)
	if err != nil {
		return err
	}
	if !seen {
		out.Emit(*row)
	}
	return o.seen.Set(ctx, true)
}

// A state that would grow for ever has a time-to-live. Here each row begins the time anew.
func ExampleTTL() {
	var _ aquifer.ProcessFunc[string, string] = &once{}
}
