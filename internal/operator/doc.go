// Package operator holds the steps that tasks are made of. Operators of one chain call each other
// directly, a batch at a time:
//
//	gate ─► Map ─► Filter ─► Writer ─► (channel) ─► keyed Process ─► Sink
//
// What always holds:
//
//   - An operator that has returned from Batch keeps no row: all that follows from the batch has been
//     handed to the next operator. Only the head of a chain may have rows in flight (Flying): its Snapshot waits for
//     them, or has them. So a barrier needs no flushing inside a chain.
//   - A batch has one owner. Batch passes ownership on; the last owner gives it back to the pool.
//   - Rows, watermarks and barriers leave an operator in an order that a sequential program could have
//     produced: no row leaves after a watermark that it is behind, unless it came in late.
//   - User code runs with no lock held, on the task's goroutine unless it waits for an outside service, and its panics
//     become errors that name the operator, the key or the record, the event time and the stack.
package operator
