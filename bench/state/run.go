package state

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Run measures all that the options ask for and says on progress how far it is. It works in a temporary directory.
func Run(ctx context.Context, o Options, progress io.Writer) (r Report, err error) {
	if err := o.Check(); err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp("", "aquifer-bench-state")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	job, peer := filepath.Join(dir, "job"), filepath.Join(dir, "pebble")
	fmt.Fprintf(progress, "counting each of %d keys once\n", o.Keys)
	r = Report{Keys: o.Keys, LatencyMS: 1000 * o.Latency.Seconds()}
	if r.StateBytes, err = load(ctx, job, o.Keys); err != nil {
		return r, err
	}
	if err := loadPeer(ctx, peer, o.Keys); err != nil {
		return r, err
	}
	for _, distribution := range o.Distributions {
		for _, ratio := range o.Ratios {
			c := cell{distribution, ratio, int64(float64(r.StateBytes) / ratio)}
			fmt.Fprintf(progress, "%d %s keys, %g times the memory\n", o.Records, distribution, ratio)
			ours, err := measureJob(ctx, job, o, c)
			if err != nil {
				return r, err
			}
			theirs, err := measurePeer(ctx, peer, o, ours)
			if err != nil {
				return r, err
			}
			r.Rows = append(r.Rows, ours, theirs)
		}
	}
	return r, nil
}
