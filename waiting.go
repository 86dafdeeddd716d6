package aquifer

import (
	"errors"

	"github.com/aquifer-stream/aquifer/internal/multimap"
)

// timedRow is a row that is kept with its event time. It is stored, so its fields are its format.
type timedRow[T any] struct {
	Time int64
	Row  T
}

// waitForTurn keeps a row under its time until event time has gone past that: then a timer comes, a millisecond later.
func waitForTurn[T any](ctx *Context, waiting multimap.Map[T], row *T) error {
	first, err := waiting.Add(ctx, ctx.Time, *row)
	if !first {
		return err
	}
	return errors.Join(err, ctx.RegisterEventTimer(ctx.Time+1))
}
