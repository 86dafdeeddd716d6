package aquifer

import "github.com/aquifer-stream/aquifer/internal/plan"

// InFlight bounds the rows that each subtask of an operator with keyed state has in flight: those that have come, wait
// for state or for earlier rows of their key, and are not done. With 1 no row begins before the one before it has
// ended whenever one has to wait. 0, as without the option, is as many as suit the operator: 1,024, up to 65,536 while
// more would hide more waiting, and fewer while memory is short. It is no part of the operator's state: a job may go on
// from a checkpoint with another number.
func InFlight(rows int) Option { return func(n *plan.Node) { n.InFlight = rows } }

// RelaxedWatermarks lets the rows behind a watermark run before it has been dealt with, if rows before it still wait
// for state. A watermark still leaves the operator after all that was before it, and timers still fire in the order of
// their times. But a row may find that a timer which the watermark before it makes due has not fired yet, so it
// suits functions whose rows do not depend on that; Context.Watermark of a row is that of its place in any case.
// Without the option a watermark waits for all rows before it, and rows behind it wait for it, but for rows of functions
// without timers that are not late by it: to these, and to whoever comes next, it makes no difference. It is no part of
// the operator's state.
func RelaxedWatermarks() Option { return func(n *plan.Node) { n.Relaxed = true } }

// FirstAccessOrder lets a row of a [Process] begin although an earlier row of its key has not ended, or its state is
// still to be read: it waits when it accesses state or sets a timer for the first time, and rows of a key access state
// one after the other in the order in which they came to that point. Without the option a row waits before it begins.
// It suits functions that do much, or emit something, before they need their state; a row that needs none never waits.
// A row that waits inside the function takes some ten kilobytes. Windows access state at once: nothing changes for
// them. It is no part of the operator's state.
func FirstAccessOrder() Option { return func(n *plan.Node) { n.FirstAccess = true } }
