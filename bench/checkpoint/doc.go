// Package checkpoint measures what checkpoints cost a job, and how soon it is back from one: how long they take when
// much or little has changed, with a large or small state, of a job that lags or waits for reads; for how long a barrier
// stops an operator; how much slower a job is that takes them; how long it takes until a restored one is as fast as
// before.
//
// What always holds:
//
//   - A job is measured when all of its state is there, while it changes at a steady rate.
//   - What is compared are jobs that differ in one thing only: the interval, the size of the state, the parallelism, or
//     whether barriers wait. Jobs of different sizes change the same number of keys, spread over all of their state.
//   - Each goal is in the report, met or missed.
//   - Nothing is left behind.
package checkpoint
