package operator

import (
	"sync/atomic"
	"time"
)

// Stats are the counters of one operator in one subtask. The task's goroutine counts, once a batch;
// anyone may read.
type Stats struct {
	// RowsIn and RowsOut count rows; Late those dropped or sent aside for being late; Bad the records that
	// could not be decoded.
	RowsIn, RowsOut, Late, Bad atomic.Int64
	// Watermark is the operator's event time in milliseconds.
	Watermark atomic.Int64
	// StateBytes is the memory that its keyed state takes, DirtyBytes that of changes without a snapshot, Keys the
	// number of its keys.
	StateBytes, DirtyBytes, Keys atomic.Int64
	// Lookups, Missed, Absent, Scans, Evicted and Expired are those of keyed.Counts.
	Lookups, Missed, Absent, Scans, Evicted, Expired atomic.Int64
	// Freezes is the number of snapshots taken at barriers, FreezeTime how long the task was stopped for them in
	// nanoseconds, FreezeMax for how long at most.
	Freezes, FreezeTime, FreezeMax atomic.Int64
	// InFlight are rows in flight, Suspended those of them that sleep in the user's function, Waited counts rows that did
	// not begin at once, Suspensions reads that nobody foresaw, Aheads grouped reads of AheadKeys keys and ranges. BusyKeys
	// have rows in flight.
	InFlight, Suspended, Waited, Suspensions, Aheads, AheadKeys, BusyKeys atomic.Int64
	// InFlightBytes is about what the batches with rows in flight take, and the state that they bring.
	InFlightBytes atomic.Int64
	// Calls are calls of an outside service under way, CallRetries counts those made again, CallTimeouts rows that they took
	// too long for. Goroutines of calls count, too.
	Calls, CallRetries, CallTimeouts atomic.Int64
	// WaitTime is how long the task has waited for state in nanoseconds, WaitMax for how long at most in a batch.
	WaitTime, WaitMax atomic.Int64
}

// froze counts a snapshot at a barrier.
func (s *Stats) froze(took time.Duration) {
	s.Freezes.Add(1)
	s.FreezeTime.Add(int64(took))
	s.FreezeMax.Store(max(s.FreezeMax.Load(), int64(took)))
}
