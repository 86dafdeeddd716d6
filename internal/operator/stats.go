package operator

import "sync/atomic"

// Stats are the counters of one operator in one subtask. The task's goroutine counts, once a batch;
// anyone may read.
type Stats struct {
	// RowsIn and RowsOut count rows; Late those dropped or sent aside for being late; Bad the records that
	// could not be decoded.
	RowsIn, RowsOut, Late, Bad atomic.Int64
	// Watermark is the operator's event time in milliseconds.
	Watermark atomic.Int64
	// StateBytes is the memory that its keyed state takes, Keys the number of its keys.
	StateBytes, Keys atomic.Int64
}
