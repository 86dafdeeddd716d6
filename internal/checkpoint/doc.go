// Package checkpoint is the pure part of checkpoints: the protocol as a state machine that is stepped by its
// caller, the formats of manifest and head, what of an old checkpoint each subtask gets at a new
// parallelism, and what may be deleted.
//
// What always holds:
//
//   - Checkpoint numbers ascend and are never used twice, those of aborted checkpoints included. A new run does not
//     know those of an earlier one that left no manifest: messages of an earlier run must not reach it.
//   - At most one checkpoint is being taken. It is stored only when every task has acknowledged it, committed
//     only when it has been stored, and commits happen in the order of checkpoints, none left out.
//   - The newest stored checkpoint is never retired.
//   - A run finishes only when its last checkpoint has been stored and committed.
//   - Each split, each state of a sink and each key group of an old checkpoint goes to exactly one new subtask.
//   - Bytes that are not exactly what was encoded do not decode.
package checkpoint
