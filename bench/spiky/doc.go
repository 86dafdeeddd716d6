// Package spiky proves that a job with much more state than memory stands a load that swings between a tenth and twice
// of its capacity: checkpoints go on, memory stays within its bound, and nothing stands still for longer than the job
// itself says. The program that is measured is bench/spiky/surge.
//
// What always holds:
//
//   - The capacity is measured first, in the same process with the same state.
//   - Load that could not be taken while it was high is forgotten: low load is low.
//   - Gaps in the output are measured while there is more input than can be taken, so that no subtask is idle.
package spiky
