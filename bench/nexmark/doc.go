// Package nexmark measures the queries of the Nexmark benchmark: throughput, by the clock and by processor time,
// memory, state, requests to the object store, and how long rows take when the load is 70 % of what a query sustains.
// It compares each query with another engine (the peer), and with an earlier report.
//
//	query ─► warm-up ─► rounds: (N/2 and N events) of both, in turns ─► paced run ─► row
//
// What always holds:
//
//   - Each run is a process of its own: no other run is in its memory or its processor time.
//   - Speeds are slopes: what the events took that a run of N has beyond one of N/2. What a start or an end takes,
//     which does not depend on the number of events, is not in them.
//   - What is compared took turns on the same machine; ratios are medians of those of the rounds.
//   - A figure that could not be told is absent, and so misses its goal.
//   - Nothing is left behind but the results, which are complete after each query.
package nexmark
