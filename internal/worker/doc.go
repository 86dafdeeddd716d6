// Package worker hosts the tasks of a job in this process: it builds them from the physical graph, joins
// them by channels, runs them, turns their frozen state into tables in the background, and reports.
//
// What always holds:
//
//   - Either all tasks run or none: the first failure ends all of them, and Run returns when the last
//     goroutine has ended, or when user code has been found that will never return.
//   - A checkpoint is acknowledged for a task only when the tables of its operators are durable.
//   - What a sink prepared is in the next checkpoint that is stored, also if the one it was prepared for is not.
//   - Snapshots of one operator are persisted in the order in which they were taken.
//   - The list of a checkpoint holds what its operator had at the barrier, and nothing that came later.
//   - What is called garbage is named by no checkpoint that is stored from then on.
package worker
