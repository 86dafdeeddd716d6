package async

import "github.com/aquifer-stream/aquifer/internal/measure"

// spent is what a run has processed, and what that took.
type spent struct {
	measure.Spent
	records  int64
	reads    int64 // that have reached the object store
	inFlight int64 // rows, at most
}

// rate is in records per second.
func (s spent) rate() float64 { return float64(s.records) / max(s.Wall.Seconds(), 1e-9) }

// each is the processor time of a record, in nanoseconds.
func (s spent) each() float64 { return float64(s.CPU.Nanoseconds()) / max(1, float64(s.records)) }

// cores is how many processors were busy on average.
func (s spent) cores() float64 { return s.CPU.Seconds() / max(s.Wall.Seconds(), 1e-9) }
