package remote

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// machine tells where processes see one another: the same boot of the same system, and the same space of process
// numbers. It is empty where that cannot be told.
func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + space
}

// dead reports whether the holder of a lease is known to be no more: it was a process of this machine.
func (l lease) dead() bool {
	if l.Machine == "" || l.Machine != machine() || l.Process <= 0 {
		return false
	}
	p, err := os.FindProcess(l.Process)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}
