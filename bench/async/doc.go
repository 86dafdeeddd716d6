// Package async measures keyed operators whose state is not all in memory: what asynchronous access gives and what it
// costs. An operator is driven as its task drives it, over tables in an object store in memory whose reads take as long
// as those of a bucket.
//
// What always holds:
//
//   - What is compared runs in turns, several times; medians count, and the ratio is that of the runs of one turn.
//   - A run ends when all that it was fed has been processed, and that is part of its time.
//   - Reads do not take longer before a run begins. Nothing is left behind.
package async
