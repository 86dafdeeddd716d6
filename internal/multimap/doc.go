// Package multimap is keyed state for functions that keep rows until their time has come: many rows of a key under each
// of many numbers, which are times in milliseconds, or numbers of spans of time.
//
// [Map] counts its rows. [Rows] are for those who do so themselves: they add a row without anything being read.
//
// What always holds:
//
//   - The rows under a number come out in the order in which they were added.
//   - A row is an entry of a state by itself, which is written once and never changed: to add one costs the same
//     however many there are, and a checkpoint writes those that have come since the last.
//   - To add a row reads at most how many there are under its number; that can be named beforehand (Prefetch). To read
//     rows reads those and their numbers of rows, in groups, and nothing of other numbers.
//   - To drop rows reads none of them.
//   - What belongs to a key and a call belongs to it here as it does in package state, whose errors these are.
package multimap
