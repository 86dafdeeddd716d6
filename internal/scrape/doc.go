// Package scrape serves the numbers that a job tells of itself over HTTP, as Prometheus reads them, and those of the
// process.
//
// What always holds:
//
//   - An address that other machines can reach is served only with credentials, and then nothing without them.
//   - A scrape disturbs no job: it gets the samples that were told last, and few are answered at a time.
//   - A Server that is closed has no goroutine and no connection any more.
//   - A Secret shows itself nowhere: not printed, not logged, not in JSON.
package scrape
