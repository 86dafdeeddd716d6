package state

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

// spent is what has passed between two moments.
type spent struct{ wall, cpu time.Duration }

func (m meter) since(begin meter) spent { return spent{m.wall.Sub(begin.wall), m.cpu - begin.cpu} }
