// Package gcs is an object store in a bucket of Google Cloud Storage, by its JSON interface.
//
// What always holds:
//
//   - What package remote promises.
//   - The version of an object is its generation, which no other content of the object ever has.
//   - A big object travels in one sequence of parts of 8 MiB; a writer holds at most two. Its upload is cancelled when
//     the writer fails; that of a crashed process is invisible, and Google drops it after a week.
//   - Credentials are the application default ones. With STORAGE_EMULATOR_HOST there are none.
//
// Google takes one write a second of the same object, which concerns the head of a job that makes checkpoints more
// often than that: such writes are slowed down, not lost.
package gcs
