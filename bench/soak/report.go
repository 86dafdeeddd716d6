package soak

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Report is what a soak was like. Fields of it and of Ran are added, never renamed.
type Report struct {
	// Bytes is the size of the state's payloads, MemoryBytes the bound on the memory of a process.
	Bytes       int64 `json:"bytes"`
	MemoryBytes int64 `json:"memory_bytes"`
	// Rows is the number of rows of the job; those that were read again after a kill are in Processes.
	Rows  int64 `json:"rows"`
	Kills int   `json:"kills"`
	// Seconds is the time that all processes ran.
	Seconds float64 `json:"seconds"`
	// PeakBytes is the largest resident set of any process.
	PeakBytes int64 `json:"peak_bytes"`
	// Disk are the largest sizes of directories, looked at when a process had ended.
	Disk      map[string]int64 `json:"disk_bytes"`
	Processes []Ran            `json:"processes"`
}

// Print shows the report to a person.
func (r Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "process\tended\tseconds\trestore s\tcheckpoints\trows\trows/s\tcold\tpeak MB\ttables GB\t")
	for i, p := range r.Processes {
		ended := "itself"
		if p.Killed {
			ended = "killed"
		}
		fmt.Fprintf(t, "%d\t%s\t%.1f\t%.2f\t%d\t%d\t%.0f\t%.1f %%\t%.0f\t%.3f\t\n", i+1, ended, p.Seconds, p.RestoreS,
			p.Checkpoints, p.Rows, float64(p.Rows)/p.Seconds, 100*p.Cold, mb(p.PeakBytes), gb(p.StateBytes))
	}
	_ = t.Flush()
	fmt.Fprintf(w, "\n%.3f GB of payloads with %.0f MB of memory: %d rows in %.0f s, %.0f rows/s; %d kills; peak %.0f MB",
		gb(r.Bytes), mb(r.MemoryBytes), r.Rows, r.Seconds, float64(r.Rows)/r.Seconds, r.Kills, mb(r.PeakBytes))
	for _, name := range slices.Sorted(maps.Keys(r.Disk)) {
		fmt.Fprintf(w, "; %s %.3f GB", name, gb(r.Disk[name]))
	}
	fmt.Fprintln(w)
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }
func gb(bytes int64) float64 { return float64(bytes) / 1e9 }
