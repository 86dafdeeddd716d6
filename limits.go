package aquifer

import "github.com/aquifer-stream/aquifer/internal/memory"

// Limits are bounds that can be changed while a job runs, through RunOptions.Limits. The zero value is ready to use. It
// is safe for concurrent use.
type Limits struct{ memory memory.Limit }

// SetMemory changes the bound on the memory of the process that RunOptions.Memory began with, in bytes. A job that began
// without one stays without. When there is less and state takes more than its share already, its tasks are stopped
// after a checkpoint and go on from there: there is a pause, and nothing is processed twice.
func (l *Limits) SetMemory(bytes int64) { l.memory.Set(max(1, bytes)) }

// begin returns the bound on memory for a run with the options.
func (l *Limits) begin(o RunOptions) *memory.Limit {
	if l == nil {
		return memory.NewLimit(o.Memory)
	}
	l.memory.Set(o.Memory)
	return &l.memory
}
