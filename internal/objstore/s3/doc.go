// Package s3 is an object store in a bucket of Amazon S3 or of anything that speaks its protocol and knows
// conditional writes (If-None-Match and If-Match on PutObject, If-None-Match on CompleteMultipartUpload).
//
// What always holds:
//
//   - A write whose answer was lost is settled by reading back a random token that went with it: a writer is
//     never told that its own object was there before, and what cannot be settled is told as an unclear error.
//   - A request that fails for a moment (a lost connection, a stalled stream, 500, 503, a conflict) is repeated
//     for some seconds, with growing random pauses, unless its context ends.
//   - What repeating cannot help (a wrong bucket, no permission, bad credentials) is one line of kind base.Config
//     that names the request, the object and what to do. No text contains a secret.
//   - A writer that fails or is aborted leaves no parts behind; those of a crashed process are removed by the
//     next Lock.
//   - Memory is bounded: a writer holds at most three parts of 8 MiB.
//   - The age of a lease is measured by the clock of the server alone. The lease guards against mistakes: a
//     process that has lost it may go on writing until its next renewal, and only Swap protects the state.
//
// The version of an object is its ETag. Names are taken as they are: S3 limits requests per second by prefix, so
// callers that write much let their names begin with something that spreads.
package s3
