// Package checkpoint measures what checkpoints cost a job: how long they take, when much or little has changed since
// the one before, and for how long a barrier stops an operator, whose state is large or small.
//
// What always holds:
//
//   - A job is measured when all of its state is there, while it changes at a steady rate.
//   - The checkpoints compared are of jobs that differ in one thing only: the interval, or the size of the state.
//   - Nothing is left behind.
package checkpoint
