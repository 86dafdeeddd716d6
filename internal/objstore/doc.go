// Package objstore is the contract of an object store, the only durable home of state. Its backends are
// in the packages below it: dir (a directory), mem (memory) and fault (any of them, misbehaving).
//
// What always holds, of every backend:
//
//   - An object is visible whole or not at all, and is durable when the call that wrote it returns.
//   - A write that has returned is seen by every later read and list, from any process.
//   - PutIfAbsent and Swap are atomic: of several concurrent calls on one state exactly one succeeds.
//   - Bytes come back as they were written or an error comes back: a short read is an error.
//
// Names are slash-separated paths of [A-Za-z0-9._=-] elements, none of which begins with a dot, and no name
// continues another behind a slash.
package objstore
