package measure

import (
	"fmt"
	"os"
	"strings"
)

// Resident is the memory that the process has in bytes; zero where that is not known.
func Resident() int64 { return status("VmRSS") }

// PeakResident is the largest Resident so far.
func PeakResident() int64 { return status("VmHWM") }

// status is a line of what the system says of the process, in bytes.
func status(name string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, name+": %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}
