// Package metered counts what is asked of an object store, around any other: requests by operation, those that failed,
// bytes, and how long answers took.
//
// What always holds:
//
//   - It is the store that it wraps: requests, answers and errors pass unchanged.
//   - Counting allocates nothing and takes no lock.
//   - A request is counted when it has been answered. Refusals are answers: an object that is missing, exists or has
//     changed, a store that is locked. So is the end of a request that its context has cancelled.
package metered
