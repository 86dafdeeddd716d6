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

// flights writes what barriers have overtaken, when it is complete, behind the backs of the tasks. What is complete at
// the same time shares an object: an object store takes long for each, and a disk to make each durable.
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

// flightsAtOnce is how many objects are written at a time, flightsTogether the bytes at which the next is begun.
const (
	flightsAtOnce   = 4
	flightsTogether = 64 << 20
)

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

// run works until the context ends.
func (f *flights) run(ctx context.Context) error {
	var puts sync.WaitGroup
	defer puts.Wait()
	turns := make(chan struct{}, flightsAtOnce)
	for {
		if !f.await(ctx) {
			return nil
		}
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		o := f.attempt.gather(f.take)
		puts.Go(func() {
			f.attempt.put(ctx, o)
			<-turns
		})
	}
}

// await waits until the first in the queue is complete: a barrier comes to all tasks or to none. It reports false if the
// context ends before.
func (f *flights) await(ctx context.Context) bool {
	for {
		f.mu.Lock()
		var complete <-chan struct{}
		if len(f.queue) > 0 {
			complete = f.queue[0].Complete()
		}
		f.mu.Unlock()
		select {
		case <-f.wake: // there may be a first one now
		case <-complete:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// take takes the next that is complete from the queue, if there is one: of a checkpoint, or 0 for any.
func (f *flights) take(of uint64) (next flight, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.queue, func(o flight) bool {
		select {
		case <-o.Complete():
			return of == 0 || o.part.checkpoint == of
		default:
			return false
		}
	})
	if i < 0 {
		return next, false
	}
	next = f.queue[i]
	f.queue = slices.Delete(f.queue, i, i+1)
	return next, true
}

// flown is an object with what a checkpoint's barrier has overtaken in front of several tasks.
type flown struct {
	data  []byte
	parts []flownPart
}

// flownPart is what is of one task.
type flownPart struct {
	*pending
	flight *checkpoint.Flight
}

// gather makes an object of what can be taken of one checkpoint.
func (a *Attempt) gather(take func(of uint64) (flight, bool)) *flown {
	o := &flown{}
	for of := uint64(0); len(o.data) < flightsTogether; {
		next, ok := take(of)
		if !ok {
			break
		}
		of = next.part.checkpoint
		if next.Empty() {
			a.less(next.part, nil)
		} else if err := a.encode(o, next); err != nil {
			a.less(next.part, err)
		}
	}
	return o
}

// encode adds what is in front of a task to an object.
func (a *Attempt) encode(o *flown, f flight) error {
	head := a.chains[f.part.task].Head()
	out := &checkpoint.Flight{Offset: int64(len(o.data))}
	var codecs []*operator.RowCodec
	for _, e := range head.Inputs {
		codec, err := e.Rows().Codec()
		if err != nil {
			return fmt.Errorf("operator %q: rows in front of it: %w", head.Name, err)
		}
		codecs = append(codecs, codec)
		out.Inputs = append(out.Inputs, checkpoint.FlightInput{Output: e.Output(), Schema: codec.Schema})
	}
	for i := range f.Front {
		side := operator.Side(f.Front[i].Input)
		f.Front[i].Input = slices.IndexFunc(head.Inputs, func(e plan.Edge) bool { return e.Side == side })
	}
	begin := time.Now()
	o.data = channel.AppendLines(o.data, f.All(), func(input int, dst []byte, batch any) []byte {
		return codecs[input].Append(dst, batch)
	})
	out.Length = int64(len(o.data)) - out.Offset
	out.Check = crc32.Checksum(o.data[out.Offset:], castagnoli)
	a.spent(f.part, begin)
	o.parts = append(o.parts, flownPart{f.part, out})
	return nil
}

// put writes an object, if anything is in it.
func (a *Attempt) put(ctx context.Context, o *flown) {
	if len(o.parts) == 0 {
		return
	}
	object := checkpoint.Table{Name: a.name("flight"), Bytes: int64(len(o.data)), CRC: crc32.Checksum(o.data, castagnoli)}
	err := a.Objects.PutIfAbsent(objstore.For(ctx, objstore.Checkpoint), object.Name, o.data)
	a.mu.Lock()
	in := a.parts[o.parts[0].checkpoint]
	for _, p := range o.parts {
		if p.flight.Table = object; err == nil && in != nil {
			in.flights[p.task] = p.flight
		}
	}
	a.mu.Unlock()
	if err != nil || in == nil { // it may be there nevertheless, or the checkpoint has been given up
		a.garbage.unused([]string{object.Name})
	}
	for _, p := range o.parts {
		if err != nil {
			a.less(p.pending, fmt.Errorf("operator %q: rows in front of it: %w", a.chains[p.task].Head().Name, err))
		} else {
			a.less(p.pending, nil)
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// subtaskOf is the number of a task in its chain.
func (a *Attempt) subtaskOf(task int) int {
	first := slices.Index(a.chains, a.chains[task])
	return task - first
}
