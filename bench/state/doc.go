// Package state measures keyed state that is several times larger than the memory for it: a job over a directory
// whose reads take as long as those of a bucket, with and without a disk cache, with and without compactions; beside
// the same job with all state in memory, and Pebble on the local disk.
//
// What always holds:
//
//   - Both sides count the same keys in the same order, one record after the other, on one processor for the state.
//   - What is measured begins when the memory is full and compactions have nothing to do, and ends when the last
//     record has been counted. Until it begins, reads do not take longer than the disk makes them.
//   - Nothing is left behind.
package state
