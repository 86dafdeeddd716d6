package aquifer

// leaveLate leaves a row that comes too late: it is counted, and sent to a side output unless that is nil.
func leaveLate[T any](ctx *Context, to *Side[T], row *T) error {
	ctx.CountLate()
	if to == nil {
		return nil
	}
	return to.Emit(ctx, *row)
}
