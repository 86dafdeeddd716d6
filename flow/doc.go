// Package flow holds the contracts between Aquifer and what its users plug in: sources, sinks, codecs,
// and the context and collector that a function sees. Connector authors import this package; authors of
// jobs meet the same types under their aliases in package aquifer.
//
// What always holds:
//
//   - A [Batch] has one owner at a time. Who hands it on does not touch it again.
//   - A value is immutable once emitted; a row is passed to functions by pointer into its batch, to be
//     read during the call only.
//   - A source reads the same rows again from a position that it reported (unless it says that it is
//     not replayable), and a sink shows nothing to its readers before [Sink.Commit].
package flow
