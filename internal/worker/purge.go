package worker

import (
	"context"
	"fmt"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// purge frees the space of states that a program has dropped: their entries are deleted with the first snapshot of
// their operator, as ranges, and nothing but a compaction of the whole shard takes those to all that they delete.
type purge struct {
	shard   *shard
	deleted chan struct{} // has a token when the shard has the deletion
	turn    chan struct{} // holds one element, for the one that compacts or sweeps
}

// newPurge returns nil if the program has all states that were restored.
func (a *Attempt) newPurge(s *shard, n *plan.Node, r *operator.Restored) (*purge, error) {
	if r == nil {
		return nil, nil
	}
	_, declared, err := n.Keyed.Describe()
	if err != nil {
		return nil, err
	}
	gone := func(w checkpoint.State) bool {
		return !slices.ContainsFunc(declared, func(d checkpoint.State) bool { return d.Name == w.Name })
	}
	if !slices.ContainsFunc(r.States, gone) {
		return nil, nil
	}
	p := &purge{shard: s, deleted: make(chan struct{}, 1), turn: a.turn}
	a.purges = append(a.purges, p)
	return p, nil
}

// wrote says that a snapshot is in the shard. It never blocks; a nil purge has nothing to do.
func (p *purge) wrote() {
	if p == nil {
		return
	}
	select {
	case p.deleted <- struct{}{}:
	default:
	}
}

// run compacts the shard once. It ends early with the context.
func (p *purge) run(ctx context.Context) error {
	select {
	case <-p.deleted:
	case <-ctx.Done():
		return nil
	}
	err := alone(ctx, p.turn, func() error { return p.shard.Compact(ctx) })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("operator %q: delete dropped states: %w", p.shard.uid, err)
	}
	return nil
}
