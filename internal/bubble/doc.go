// Package bubble runs tests in bubbles of testing/synctest, with the race detector too.
//
// What always holds: a bubble is as testing/synctest has it. With the race detector one processor runs all of the test:
// the detector follows what happens before what, whichever processor does it.
package bubble
