// Package task runs one subtask: the loop that takes events from a gate, or steps a source, and hands
// them to a chain of operators.
//
// What always holds:
//
//   - One goroutine runs the operators of a subtask: user code needs no locks.
//   - At a barrier every operator takes its snapshot before the barrier is sent on, and no row that came
//     after the barrier is processed before the snapshots are taken.
//   - The subtask reports each checkpoint once, and ends only with an error or with its context: a task whose
//     input has ended still takes part in checkpoints, so that the last one can be repeated if it fails.
//   - Run closes every operator before it returns.
package task
