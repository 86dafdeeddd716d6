package worker

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// flights writes what barriers have overtaken, when it is complete, behind the backs of the tasks.
type flights struct {
	attempt *Attempt
	wake    chan struct{}

	mu    sync.Mutex
	queue []flight
}

// flight is what a barrier has overtaken in front of a task.
type flight struct {
	*channel.Captured
	part *pending
}

func newFlights(a *Attempt) *flights { return &flights{attempt: a, wake: make(chan struct{}, 1)} }

// add queues what may not be complete yet. It never blocks.
func (f *flights) add(all ...flight) {
	f.mu.Lock()
	f.queue = append(f.queue, all...)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *flights) take() []flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.queue
	f.queue = nil
	return all
}

// run works until the context ends. One after the other is waited for: a barrier comes to all tasks or to none.
func (f *flights) run(ctx context.Context) error {
	for {
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil
		}
		for _, next := range f.take() {
			select {
			case <-next.Complete():
			case <-ctx.Done():
				return nil
			}
			written, err := f.attempt.writeFlight(ctx, next)
			f.attempt.landed(next.part, written, err)
		}
	}
}

// landed notes that what was overtaken in front of a task is durable, or is not.
func (a *Attempt) landed(p *pending, written *checkpoint.Flight, err error) {
	a.mu.Lock()
	in := a.parts[p.checkpoint]
	if in != nil && written != nil {
		in.flights[p.task] = written
	}
	a.mu.Unlock()
	if in == nil && written != nil { // the checkpoint has been given up
		a.garbage.unused([]string{written.Name})
	}
	a.less(p, err)
}

// writeFlight writes an object; nil if there is nothing to write.
func (a *Attempt) writeFlight(ctx context.Context, f flight) (*checkpoint.Flight, error) {
	if f.Empty() {
		return nil, nil
	}
	head := a.chains[f.part.task].Head()
	codec, err := head.Input.Codec()
	if err != nil {
		return nil, fmt.Errorf("operator %q: rows in front of it: %w", head.Name, err)
	}
	origins := originsOf(head, a.subtaskOf(f.part.task))
	lines := f.Generations[len(f.Generations)-1]
	for i := range lines {
		lines[i].Input, lines[i].Subtask = origins[i].input, origins[i].subtask
	}
	begin := time.Now()
	data := channel.AppendLines(nil, f.All(), codec.Append)
	a.spent(f.part, begin)
	out := &checkpoint.Flight{Schema: codec.Schema}
	out.Table = checkpoint.Table{Name: a.name("flight"), Bytes: int64(len(data)), CRC: crc32.Checksum(data, castagnoli)}
	for _, e := range head.Inputs {
		out.Inputs = append(out.Inputs, e.Output())
	}
	if err := a.Objects.PutIfAbsent(objstore.For(ctx, objstore.Checkpoint), out.Name, data); err != nil {
		a.garbage.unused([]string{out.Name}) // it may be there nevertheless
		return nil, fmt.Errorf("operator %q: rows in front of it: %w", head.Name, err)
	}
	return out, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// origin is where a channel of a gate begins.
type origin struct{ input, subtask int }

// originsOf are those of the gate in front of a subtask, in the order of its channels.
func originsOf(head *plan.Node, subtask int) (all []origin) {
	for i, e := range head.Inputs {
		if e.Exchange == operator.Forward {
			all = append(all, origin{i, subtask})
			continue
		}
		for s := range e.From.Parallelism {
			all = append(all, origin{i, s})
		}
	}
	return all
}

// subtaskOf is the number of a task in its chain.
func (a *Attempt) subtaskOf(task int) int {
	first := slices.Index(a.chains, a.chains[task])
	return task - first
}
