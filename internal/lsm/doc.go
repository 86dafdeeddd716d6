// Package lsm writes and reads sorted tables: immutable objects in the format of Pebble's tables, streamed
// straight into an object store.
//
// What always holds:
//
//   - A table is sorted: ranges to delete by their starts, entries by their keys, each key once.
//   - The ranges to delete of a table apply to older tables only, not to its own entries.
//   - What is read is what was written: length and checksum of the whole object are verified before the first
//     entry is passed on, and damage is an error of kind base.Corrupt that names the object.
//   - A set of tables that is not finished leaves no object behind.
package lsm
