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
	out := &checkpoint.Flight{}
	var codecs []*operator.RowCodec
	for _, e := range head.Inputs {
		codec, err := e.Rows().Codec()
		if err != nil {
			return nil, fmt.Errorf("operator %q: rows in front of it: %w", head.Name, err)
		}
		codecs = append(codecs, codec)
		out.Inputs = append(out.Inputs, checkpoint.FlightInput{Output: e.Output(), Schema: codec.Schema})
	}
	for i := range f.Front {
		side := operator.Side(f.Front[i].Input)
		f.Front[i].Input = slices.IndexFunc(head.Inputs, func(e plan.Edge) bool { return e.Side == side })
	}
	begin := time.Now()
	data := channel.AppendLines(nil, f.All(), func(input int, dst []byte, batch any) []byte {
		return codecs[input].Append(dst, batch)
	})
	a.spent(f.part, begin)
	out.Table = checkpoint.Table{Name: a.name("flight"), Bytes: int64(len(data)), CRC: crc32.Checksum(data, castagnoli)}
	if err := a.Objects.PutIfAbsent(objstore.For(ctx, objstore.Checkpoint), out.Name, data); err != nil {
		a.garbage.unused([]string{out.Name}) // it may be there nevertheless
		return nil, fmt.Errorf("operator %q: rows in front of it: %w", head.Name, err)
	}
	return out, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// subtaskOf is the number of a task in its chain.
func (a *Attempt) subtaskOf(task int) int {
	first := slices.Index(a.chains, a.chains[task])
	return task - first
}
