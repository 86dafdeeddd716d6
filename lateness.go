package aquifer

import "sync/atomic"

// lateRows is where a function leaves the rows that come too late: they are counted, and sent to a side output unless
// that is nil.
type lateRows[T any] struct {
	count *atomic.Int64
	side  *Side[T]
}

func (l lateRows[T]) leave(ctx *Context, in *T) error {
	l.count.Add(1)
	if l.side == nil {
		return nil
	}
	return l.side.Emit(ctx, *in)
}
