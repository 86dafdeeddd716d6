// Package logbook turns what happens to a running job into records for package log/slog: one for each event, and now
// and then one for what the numbers of the job say.
//
// What always holds:
//
//   - It decides by events and numbers alone: it knows no clock, and writes nothing by itself but what Write is given.
//   - A number that did not change makes no record; one that changes all the time makes one in Pause.
//   - Every message has a row in docs/operations.md, with its level and its attributes. Messages are fixed texts: what
//     differs is in the attributes.
package logbook
