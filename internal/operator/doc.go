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
//   - What a Snapshot leaves in flight, in the order in which it came, comes again behind the barrier or after a restore
//     as if for the first time: rows have not begun, and watermarks may still fire what they have not fired. Windows
//     leave no row that was late for a watermark which they leave, too: subtasks that come together in a restore begin
//     at the least of their event times, and there it would not be late. What is late for watermarks that have left
//     stays so, because every key group keeps its event time.
//   - A batch has one owner. Batch passes ownership on; the last owner gives it back to the pool.
//   - Rows, watermarks and barriers leave an operator in an order that a sequential program could have
//     produced: no row leaves after a watermark that it is behind, unless it came in late.
//   - User code runs with no lock held, on the task's goroutine unless it waits for an outside service, and its panics
//     become errors that name the operator, the key or the record, the event time and the stack.
package operator
