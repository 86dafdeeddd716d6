// Package channel carries batches and control events between subtasks. One [Gate] is the input of one
// subtask: a bounded queue for each upstream subtask, merged into one sequence of events.
//
//	sender 0 ─► [ batch, batch, barrier ] ─┐
//	sender 1 ─► [ batch ]                 ─┼─► Gate.Next ─► batch | watermark | idle | barrier
//	sender 2 ─► [ ]                       ─┘
//
// What always holds:
//
//   - What one sender sent arrives in the order of sending.
//   - A sender holds at most its credit of undelivered messages in the gate and then blocks: that is the
//     whole of backpressure.
//   - A channel whose barrier has arrived delivers nothing before the barrier of every other channel has;
//     then the barrier is delivered once. So what the subtask saw before a barrier is, on each channel,
//     exactly what was sent before it. Barriers of different checkpoints are an error, and never taken for one.
//   - The watermark delivered is the least of the channels' that are not idle, and never goes back.
//   - Batches are handed over, not copied or encoded.
package channel
