// Package remote is an object store that is reached by requests: what the stores of Amazon, Google and Azure have in
// common. A Protocol sends the requests of one of them.
//
// What always holds:
//
//   - A write whose answer was lost is settled by reading back a random token that went with it: a writer is
//     never told that its own object was there before, and what cannot be settled is told as an unclear error.
//   - A request that fails for a moment (a lost connection, a stalled stream, 429, 500, 503) is repeated for some
//     seconds, with growing random pauses, unless its context ends.
//   - What repeating cannot help (a wrong bucket, no permission, bad credentials) is one line of kind base.Config
//     that names the request, the object and what to do. No text contains a secret.
//   - A writer that fails or is aborted leaves no parts behind where they can be removed; where they cannot, or of a
//     crashed process, they are removed by the next Lock or vanish by themselves, as the protocol's package says.
//   - Memory is bounded: a writer holds at most one part more than it sends at the same time.
//   - The age of a lease is measured by the clock of the server alone. The lease guards against mistakes: a
//     process that has lost it may go on writing until its next renewal, and only Swap protects the state.
package remote
