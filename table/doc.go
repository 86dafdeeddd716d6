// Package table has operators whose results are tables: rows that are updated and taken back as more comes in. Such a
// result is a [Changelog], a stream of changes. All of it is made of functions that package aquifer has for everybody,
// so a function of one's own may take part: it takes and emits changes, best by [aquifer.Update].
//
// What an operator consumes and emits is in its types: an [aquifer.Stream] only ever adds rows, and a Changelog may also
// take them back. A sink takes one or the other:
//
//   - one for rows only takes streams that add: a Changelog does not fit by its type,
//   - one for changes gets them all as they are, which lets it retract,
//   - one that overwrites by a key gets what [Upserts] makes of them.
//
// What always holds:
//
//   - The table of a changelog is the sum of its changes: a row is in it as often as it has been added less often
//     than it has been taken back. A row that is taken back is repeated whole.
//   - Changes that one subtask makes stay in order on the way to any one subtask. Where they are grouped by something else
//     than the key that they were made by, what takes a row back and what takes its place may go different ways, and
//     the second come first. Every operator here goes by sums, so the table of its result is right however they come,
//     and Upserts gives the changes of a key an order again.
//   - What an operator has emitted is, at every moment, the changes that make its table out of nothing, for the rows that
//     it has seen. Of a key whose row changes often it emits, at most, one change for each batch that comes in.
//   - State is keyed state: it is in checkpoints, lives in the object store, and follows its keys when the job is rescaled.
package table
