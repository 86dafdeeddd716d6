// Package soak proves that state many times larger than memory stays right through kills: a job whose state verifies
// itself runs on a real S3 server with a small bound on memory, is ended with SIGKILL again and again, and goes on.
// The job's program is bench/soak/ledger.
//
// What always holds:
//
//   - The number of a row says which key it visits and what the state of the key must be by then: a job that finds
//     anything else ends, with an error that says what it has found.
//   - Every key is read again after it has been written, most of them much later.
//   - What a process took of memory is what the system says, not what the job says.
package soak
