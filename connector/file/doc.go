// Package file reads and writes files: lines, lines of JSON (NDJSON), CSV, and formats of the user's own; plain,
// gzip or zstd.
//
// What always holds:
//
//   - A source goes on exactly behind the last row it had read, also inside a compressed file.
//   - Every line of a file is read once, however the file is cut into splits: a line belongs to the split in
//     which it begins.
//   - A record that cannot be decoded is reported with its file, its line and its offset.
//   - A reader of a sink's directory sees whole files of committed rows and nothing else (what begins with a
//     dot is the sink's own).
//   - Two sinks of a job do not write into one directory: such a job is refused.
//   - Committing twice, or in another process, changes nothing.
package file
