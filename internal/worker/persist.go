package worker

import (
	"context"
	"fmt"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// persister makes the frozen state of one task durable, snapshot after snapshot, behind the task's back.
type persister struct {
	attempt *Attempt
	task    int
	wake    chan struct{}

	mu   sync.Mutex
	jobs []job
}

type job struct {
	checkpoint uint64
	parts      []task.Part
}

func newPersister(a *Attempt, id int) *persister {
	return &persister{attempt: a, task: id, wake: make(chan struct{}, 1)}
}

// add queues a snapshot. It never blocks; the coordinator's one checkpoint at a time bounds the queue.
func (p *persister) add(j job) {
	p.mu.Lock()
	p.jobs = append(p.jobs, j)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run works until the context ends. Failures decline the checkpoint, they do not fail the task.
func (p *persister) run(ctx context.Context) error {
	for {
		select {
		case <-p.wake:
		case <-ctx.Done():
			return nil
		}
		for {
			j, ok := p.next()
			if !ok {
				break
			}
			if err := p.persist(ctx, j); err != nil {
				p.attempt.Listener.Declined(j.checkpoint, p.task, err)
			} else {
				p.attempt.Listener.Acknowledged(j.checkpoint, p.task)
			}
		}
	}
}

func (p *persister) next() (job, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.jobs) == 0 {
		return job{}, false
	}
	j := p.jobs[0]
	p.jobs = p.jobs[1:]
	return j, true
}

// persist writes the tables of every operator of the task and notes their lists.
func (p *persister) persist(ctx context.Context, j job) error {
	lists := map[string][]checkpoint.Table{}
	var failed error
	for _, part := range j.parts {
		if part.State == nil {
			continue
		}
		tables, err := part.State.Persist(ctx)
		if err != nil {
			failed = fmt.Errorf("operator %q: %w", part.UID, err)
			continue // the other operators' snapshots must be persisted or given back all the same
		}
		lists[part.UID] = tables
	}
	if failed != nil {
		return failed
	}
	a := p.attempt
	a.mu.Lock()
	defer a.mu.Unlock()
	if in := a.parts[j.checkpoint]; in != nil {
		in.lists[p.task] = lists
	}
	return nil
}
