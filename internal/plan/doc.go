// Package plan turns what a user wrote (a logical graph of operators) into what runs (chains of operators
// with a parallelism, joined by exchanges).
//
//	logical    source ─► map ─► key-by ─► aggregate ─► sink
//	physical  [source ─► map] ══hash══► [aggregate ─► sink] one task per chain, parallelism subtasks each
//
// What always holds:
//
//   - All mistakes of a graph are found, and reported together, before anything runs or is touched.
//   - A keyed operator is the head of its chain, so that what waits in front of it can be re-routed.
//   - The uid of an operator with state decides which state it gets back: uids are unique in a job.
//   - Planning the same program twice gives the same plan.
//   - What a restore would do is known before anything is touched, and nothing of a checkpoint is lost that is not
//     named.
package plan
