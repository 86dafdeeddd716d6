package aquifer

import (
	"context"
	"fmt"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// hasCheckpoint reports whether a job would go on from what is in the state directory. It writes nothing. What it
// cannot read counts as a checkpoint: opening it will say what is wrong.
func (o RunOptions) hasCheckpoint(ctx context.Context, job string) bool {
	objects, err := open.Existing(ctx, o.State)
	return err == nil && begun(ctx, objects, job)
}

// begun reports whether there is a checkpoint of the job, or something that cannot be read.
func begun(ctx context.Context, objects objstore.Store, job string) bool {
	s, err := store.Open(ctx, objects, job)
	return err != nil || s.Known() > 0
}

// discoverFirst asks the sources of a job without a checkpoint for their splits while nothing has been created, so
// that a missing input leaves no trace. What they answer is what the first attempt gets.
func discoverFirst(ctx context.Context, p *plan.Physical) error {
	for _, n := range p.Nodes() {
		if n.Source == nil {
			continue
		}
		found, err := n.Source.Discover(ctx, flow.Known{
			Parallelism: n.Parallelism, First: true, Has: func(string) bool { return false },
		})
		switch {
		case base.KindOf(err) == base.Config:
			return fmt.Errorf("source %q: %w", n.Name, err)
		case err == nil:
			n.Source = answered(n.Source, found)
		}
		// Other failures may pass: the attempt asks again, and is restarted.
	}
	return nil
}

// answered is a source that gives an answer it has given before, once, to a job that begins.
func answered(s *plan.Source, found flow.Discovery) *plan.Source {
	answer := &found
	return &plan.Source{
		NotReplayable: s.NotReplayable,
		Discover: func(ctx context.Context, known flow.Known) (flow.Discovery, error) {
			if d := answer; d != nil && known.First {
				answer = nil
				return *d, nil
			}
			return s.Discover(ctx, known)
		},
	}
}
