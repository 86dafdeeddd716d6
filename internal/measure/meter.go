package measure

import (
	"syscall"
	"time"
)

// CPUTime is the processor time that the process has used; zero where that is not known.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Meter is a moment, in time and in processor time.
type Meter struct {
	Wall time.Time
	CPU  time.Duration
}

// Start returns the moment of the call.
func Start() Meter { return Meter{time.Now(), CPUTime()} }

// Spent is what has passed between two moments.
type Spent struct{ Wall, CPU time.Duration }

// Since is what has passed since an earlier moment.
func (m Meter) Since(begin Meter) Spent { return Spent{m.Wall.Sub(begin.Wall), m.CPU - begin.CPU} }
