package aquifer

import "github.com/aquifer-stream/aquifer/flow"

// Change is an element of a changelog, see [flow.Change] and package table.
type Change[T any] = flow.Change[T]

// The kinds of changes; see [flow.Kind].
const (
	Insert       = flow.Insert
	UpdateBefore = flow.UpdateBefore
	UpdateAfter  = flow.UpdateAfter
	Delete       = flow.Delete
)

// Update emits the changes that make the row of a key another one, once for all records of a batch; see [flow.Update].
func Update[T any](ctx *Context, out Collector[Change[T]], before, after *T) {
	flow.Update(ctx, out, before, after)
}
