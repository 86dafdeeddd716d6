// Package serving serves HTTP to the people and programs that look at a job.
//
// What always holds:
//
//   - A client that sends its header slowly, or a very long one, is sent away.
//   - A Server that is closed has no goroutine and no connection any more.
//   - Nobody is waited for long: a request that is not answered soon after Close is cut off.
package serving
