package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// splitPool hands out the splits of one source to its subtasks. Bounded splits are given one at a time to
// whoever has none; unbounded ones to the subtask with the fewest.
//
// A split is, at every checkpoint, either unassigned in the pool's snapshot or in exactly one subtask's: from
// the moment of the pool's snapshot until every subtask has taken its own, the pool gives nothing out.
type splitPool struct {
	source *plan.Source
	name   string
	wake   func() // tells the source's tasks to ask again

	mu         sync.Mutex
	known      map[string]struct{}
	order      []string // the known ids in the order of discovery
	unassigned []flow.Split
	given      []int // unbounded splits by subtask
	again      time.Duration
	complete   bool             // nothing will be discovered any more
	pending    map[int]struct{} // subtasks that have yet to pass the barrier
	checkpoint uint64
}

func newSplitPool(source *plan.Source, name string, parallelism int, wake func()) *splitPool {
	return &splitPool{
		source: source, name: name, wake: wake,
		known: map[string]struct{}{}, given: make([]int, parallelism), pending: map[int]struct{}{},
	}
}

// restore sets what a checkpoint knew; assigned are the splits that its subtasks go on reading.
func (p *splitPool) restore(known []string, unassigned []flow.Split, assigned [][]flow.Split) {
	p.order = slices.Clone(known)
	for _, id := range known {
		p.known[id] = struct{}{}
	}
	p.unassigned = slices.Clone(unassigned)
	for subtask, splits := range assigned {
		for _, s := range splits {
			if !s.Bounded {
				p.given[subtask]++
			}
		}
	}
}

// discover asks the source once.
func (p *splitPool) discover(ctx context.Context, first bool) error {
	found, err := p.source.Discover(ctx, flow.Known{
		Parallelism: len(p.given), First: first,
		Has: func(id string) bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			_, ok := p.known[id]
			return ok
		},
	})
	if err != nil {
		return fmt.Errorf("source %q: %w", p.name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range found.Splits {
		if _, ok := p.known[s.ID]; !ok {
			p.known[s.ID] = struct{}{}
			p.order = append(p.order, s.ID)
			p.unassigned = append(p.unassigned, s)
		}
	}
	p.again, p.complete = found.Again, found.Again == 0
	return nil
}

// run discovers again and again, as the source wants, until the context ends or nothing more can come.
func (p *splitPool) run(ctx context.Context) error {
	for {
		p.mu.Lock()
		again, complete := p.again, p.complete
		p.mu.Unlock()
		if complete {
			return nil
		}
		timer := time.NewTimer(again)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		if err := p.discover(ctx, false); err != nil {
			return err
		}
		p.wake()
	}
}

// Take implements operator.SplitPool.
func (p *splitPool) Take(subtask, active int) (flow.Split, operator.Supply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unassigned) == 0 {
		if p.complete {
			return flow.Split{}, operator.Exhausted
		}
		return flow.Split{}, operator.Drained
	}
	if len(p.pending) > 0 {
		return flow.Split{}, operator.Later
	}
	split := p.unassigned[0]
	if split.Bounded && active > 0 || !split.Bounded && p.given[subtask] > slices.Min(p.given) {
		return flow.Split{}, operator.Later
	}
	p.unassigned = slices.Delete(p.unassigned, 0, 1)
	if !split.Bounded {
		p.given[subtask]++
	}
	if len(p.unassigned) > 0 {
		p.wake() // who was told to come back later may now have the next one
	}
	return split, operator.Given
}

// snapshot returns the pool's part of a checkpoint and holds back splits until all subtasks have passed it.
func (p *splitPool) snapshot(checkpoint uint64) (known []string, unassigned []flow.Split) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checkpoint = checkpoint
	for s := range p.given {
		p.pending[s] = struct{}{}
	}
	return slices.Clone(p.order), slices.Clone(p.unassigned)
}

// Passed implements operator.SplitPool.
func (p *splitPool) Passed(subtask int, checkpoint uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if checkpoint < p.checkpoint {
		return
	}
	delete(p.pending, subtask)
	if len(p.pending) == 0 && len(p.unassigned) > 0 {
		p.wake()
	}
}
