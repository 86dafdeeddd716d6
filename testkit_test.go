package aquifer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
)

// errRests is a gate's: there are no more numbers in this run.
var errRests = errors.New("the source rests")

// numbers is a source of the numbers below an end, dealt to a few splits, with event times of their own.
type numbers struct {
	end, splits int64
	// batch is the most that a Read returns; gate, if not nil, is asked before each Read, and may say that it rests.
	batch int
	gate  func(next int64) error
	// lose makes readers report positions that are too far: a planted bug.
	lose bool
}

func (n numbers) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	var d flow.Discovery
	for s := range n.splits {
		if id := fmt.Sprint("split-", s); !known.Has(id) {
			d.Splits = append(d.Splits, flow.Split{ID: id, Bounded: true, Spec: fmt.Append(nil, s)})
		}
	}
	return d, nil
}

func (n numbers) Open(_ context.Context, split flow.Split) (flow.Reader[int64], error) {
	next, err := strconv.ParseInt(string(split.Spec), 10, 64)
	if err == nil && split.Position != nil {
		next, err = strconv.ParseInt(string(split.Position), 10, 64)
	}
	return &numberReader{n, next}, err
}

type numberReader struct {
	numbers
	next int64
}

func (r *numberReader) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	if r.gate != nil {
		switch err := r.gate(r.next); {
		case errors.Is(err, errRests):
			return flow.Wait, nil
		case err != nil:
			return flow.End, err
		}
	}
	for range r.batch {
		if r.next >= r.end {
			return flow.End, nil
		}
		out.Append(r.next, r.next)
		r.next += r.splits
	}
	return flow.More, nil
}

// Ready never says that there are rows: a source that rests does so until its job stops.
func (r *numberReader) Ready() <-chan struct{} { return make(chan struct{}) }
func (r *numberReader) Close() error           { return nil }
func (r *numberReader) Position() []byte {
	if r.lose {
		return strconv.AppendInt(nil, r.next+r.splits, 10)
	}
	return strconv.AppendInt(nil, r.next, 10)
}

// collected is a sink in memory that keeps the two phases: rows are prepared, and visible when committed.
type collected[T any] struct {
	// fault, if not nil, is asked at each step: write, prepare, commit, recover.
	fault func(step string) error
	// early makes rows visible when they are prepared: a planted bug.
	early bool

	mu       sync.Mutex
	next     int
	prepared map[int][]T
	visible  map[int][]T
	order    []int
	of       map[int]uint64 // the checkpoint that rows were prepared for
}

func newCollected[T any]() *collected[T] {
	return &collected[T]{prepared: map[int][]T{}, visible: map[int][]T{}, of: map[int]uint64{}}
}

func (c *collected[T]) at(step string) error {
	if c.fault == nil {
		return nil
	}
	return c.fault(step)
}

func (c *collected[T]) Recover(ctx context.Context, committables [][]byte) error {
	if err := c.at("recover"); err != nil {
		return err
	}
	if err := c.commit(committables); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.prepared)
	return nil
}

func (c *collected[T]) Commit(_ context.Context, committables [][]byte) error {
	if err := c.at("commit"); err != nil {
		return err
	}
	return c.commit(committables)
}

func (c *collected[T]) commit(committables [][]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range committables {
		var id int
		if err := json.Unmarshal(b, &id); err != nil {
			return err
		}
		if err := c.reveal(id); err != nil {
			return err
		}
	}
	return nil
}

// reveal makes prepared rows visible, once.
func (c *collected[T]) reveal(id int) error {
	if _, done := c.visible[id]; done {
		return nil
	}
	rows, ok := c.prepared[id]
	if !ok {
		return fmt.Errorf("nothing was prepared as %d", id)
	}
	c.visible[id] = rows
	c.order = append(c.order, id)
	return nil
}

// rows are those that a reader sees.
func (c *collected[T]) rows() []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []T
	for _, id := range c.order {
		all = append(all, c.visible[id]...)
	}
	return all
}

func (c *collected[T]) Open(context.Context, flow.SinkSubtask) (flow.Writer[T], error) {
	return &collectedWriter[T]{sink: c}, nil
}

type collectedWriter[T any] struct {
	sink *collected[T]
	rows []T
}

func (w *collectedWriter[T]) Write(_ context.Context, b *flow.Batch[T]) error {
	w.rows = append(w.rows, b.Rows...)
	return w.sink.at("write")
}

func (w *collectedWriter[T]) Prepare(_ context.Context, checkpoint uint64) (flow.Prepared, error) {
	if err := w.sink.at("prepare"); err != nil {
		return flow.Prepared{}, err
	}
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	id := w.sink.next
	w.sink.next++
	w.sink.prepared[id], w.sink.of[id] = slices.Clone(w.rows), checkpoint
	w.rows = nil
	if w.sink.early {
		if err := w.sink.reveal(id); err != nil {
			return flow.Prepared{}, err
		}
	}
	b, err := json.Marshal(id)
	return flow.Prepared{Committable: b}, err
}

func (w *collectedWriter[T]) Close(context.Context) error { return nil }
