package coordinator

import (
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// compatible refuses a checkpoint that the program cannot go on from, with all reasons at once.
func compatible(p *plan.Physical, m *checkpoint.Manifest, allowDropped bool) error {
	r, err := plan.Restoring(p, m)
	if err != nil {
		return err
	}
	return r.Err(allowDropped)
}
