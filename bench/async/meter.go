package async

import (
	"syscall"
	"time"
)

// meter is a moment, in time and in processor time that the process has used.
type meter struct {
	wall time.Time
	cpu  time.Duration
}

func startMeter() meter {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return meter{time.Now(), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

// spent is what a run has processed, and what that took.
type spent struct {
	records   int64
	wall, cpu time.Duration
	reads     int64 // that have reached the object store
	inFlight  int64 // rows, at most
}

func (m meter) since() spent {
	now := startMeter()
	return spent{wall: now.wall.Sub(m.wall), cpu: now.cpu - m.cpu}
}

// rate is in records per second.
func (s spent) rate() float64 { return float64(s.records) / max(s.wall.Seconds(), 1e-9) }

// each is the processor time of a record, in nanoseconds.
func (s spent) each() float64 { return float64(s.cpu.Nanoseconds()) / max(1, float64(s.records)) }

// cores is how many processors were busy on average.
func (s spent) cores() float64 { return s.cpu.Seconds() / max(s.wall.Seconds(), 1e-9) }
