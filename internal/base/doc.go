// Package base holds the words that every other package speaks: key groups and their ranges, the one
// hash that routes records and lays out state, and the kinds of errors.
//
// What always holds:
//
//   - A key's group depends only on its encoded bytes and the job's maximum parallelism. Routing, the
//     layout of state and restore all call [KeyGroupOf]; no second function exists.
//   - The ranges of the subtasks of an operator cover all key groups, without gap or overlap, in the
//     order of the subtasks, at every parallelism.
package base
