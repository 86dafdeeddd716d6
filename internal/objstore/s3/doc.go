// Package s3 is an object store in a bucket of Amazon S3 or of anything that speaks its protocol and knows
// conditional writes (If-None-Match and If-Match on PutObject, If-None-Match on CompleteMultipartUpload).
//
// What always holds:
//
//   - What package remote promises.
//   - The parts of a crashed process's uploads are removed by the next Lock; a writer holds at most three of 8 MiB.
//
// The version of an object is its ETag. Names are taken as they are: S3 limits requests per second by prefix, so
// callers that write much let their names begin with something that spreads.
package s3
