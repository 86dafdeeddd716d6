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
//     whole of backpressure. Only who hurries because of a barrier that overtakes is not held up.
//   - Batches for a receiver that is slower than its senders are told to be smaller, so that full channels hold what it
//     takes in about a second. A batch may always have a row.
//   - A channel whose barrier has arrived delivers nothing before the barrier of every other channel has;
//     then the barrier is delivered once. So what the subtask saw before a barrier is, on each channel,
//     exactly what was sent before it. Barriers of different checkpoints are an error, and never taken for one.
//   - A barrier that overtakes is delivered as soon as it has come on one channel. What the subtask saw before it,
//     together with what is [Captured], is on each channel exactly what was sent before it, in its order.
//     One barrier at a time overtakes: the next one waits until the capture is complete. The idea is that of Chandy
//     and Lamport (1985); Flink has it as unaligned checkpoints (FLIP-76).
//   - What is restored is delivered before anything that is sent.
//   - The watermark delivered is the least of the channels' that are not idle, and never goes back.
//   - Batches are handed over, not copied or encoded, but for those that are captured.
package channel
