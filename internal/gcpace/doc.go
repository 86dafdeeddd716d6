// Package gcpace makes the garbage collector run as often as a stream processor wants it to.
//
// The collector runs when the heap has grown by a percentage of what is alive. That is too often for a job with
// little state: a few megabytes of rows on their way are garbage within milliseconds. And it is too seldom for one
// with much: hot tables hold no pointers, so that collecting beside them costs next to nothing, but doubles them.
// So here the heap may grow by what the collector has to scan, and by a floor at least, whatever else it holds. A cycle
// of the collector costs time by itself, so that floor is generous, unless memory has a limit; and where cycles take much
// of the processors nevertheless, as beside millions of small objects, it rises until they do not.
//
// What always holds:
//
//   - Soon after each collection the heap may grow by the greater of the floor and what there is to scan, give or take a
//     tenth.
//   - A floor that has risen is no more than half of what the limit on memory leaves, or without one of what is alive.
//   - A percentage that the user has set by GOGC is left alone, and what was set before comes back at the end.
package gcpace
