package bubble

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// Test runs f in a bubble, as synctest.Test does. Bubbles of tests that run in parallel change the number of processors
// for one another: such tests do not begin one.
//
// With the race detector it takes all processors but one away. The timers of a bubble share one context of the detector.
// A timer whose channel nobody waits for when it is due is run by whoever looks at it later, and of two at a time on two
// processors the detector loses its count and ends the process: golang/go#78156.
func Test(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if raceDetector {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	synctest.Test(t, f)
}
