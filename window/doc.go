// Package window describes how event time is cut into windows: tumbling, sliding, session and global windows; when they
// fire ([Trigger]); and which rows before a row are aggregated for it ([Frame]).
//
// A window [Start, End) holds the rows whose event times lie in it, and is complete when event time has come to
// its end. What always holds:
//
//   - Tumbling windows cover time without gap or overlap; a sliding window begins every slide.
//   - Sliding windows are made of slices of equal length, so that a row is counted once however many windows
//     it belongs to.
//   - A session holds rows of one key that are at most its gap apart, and ends that gap after the last. It is
//     complete when event time has gone past its end: until then a row may still join it, so that results do not
//     depend on the order of rows.
//   - A global window holds all rows of its key, also those without event time.
package window
