// Package programtest runs programs in tests as a user would: built once, started with flags, watched line by line,
// interrupted.
//
// What always holds:
//
//   - A program that is started does not outlive its test, nor a minute.
//   - What it prints can be waited for; nothing waits for time to pass.
package programtest
