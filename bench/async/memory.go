package async

import (
	"context"
	"errors"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// passes is how many records are measured for each key in memory.
const passes = 2

// inMemory compares the operator with its function over bare hot tables, when all state is in memory.
func (b *bench) inMemory(ctx context.Context) (err error) {
	g := newGround(ofProcess(func() function { return &counts{} }))
	s, err := g.open(ctx, setting{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	alone, err := newBare(ctx, &counts{}, nil)
	if err != nil {
		return err
	}
	process := func(in *flow.Batch[row]) error {
		err := alone.process(in)
		s.pool.Put(in)
		return err
	}
	for _, to := range []func(*flow.Batch[row]) error{s.Batch, process} {
		if _, err := s.drive(order(b.o.Keys, laying), 1, to); err != nil {
			return err
		}
	}
	side := func(name string, to func(*flow.Batch[row]) error) side {
		return side{name, func(context.Context) (spent, error) {
			return s.drive(order(b.o.Keys, visiting), passes, to)
		}}
	}
	_, err = b.add(ctx, pair{
		group: Memory, name: "all state in memory", cost: true, target: 1.05,
		measured: side("operator", s.Batch), reference: side("hot table, key by key", process),
	})
	return err
}

// drive gives the rows of an order several times to someone, batch by batch. What is measured is the time after the
// rows have been made and hashed.
func (s *stage) drive(next func() int64, times int, to func(*flow.Batch[row]) error) (all spent, err error) {
	const together = 64
	fill := each(next, batchLen, oneByOne)
	for more := true; more; {
		var batches []*flow.Batch[row]
		for range together {
			b := operator.PoolOf[row]().Get()
			if fill(b); len(b.Rows) == 0 {
				more = false
				break
			}
			s.hash(b)
			batches = append(batches, b)
		}
		begin := measure.Start()
		for _, b := range batches {
			all.records += int64(len(b.Rows))
			if err := to(b); err != nil {
				return all, err
			}
		}
		took := measure.Start().Since(begin)
		all.Wall, all.CPU = all.Wall+took.Wall, all.CPU+took.CPU
	}
	return all, nil
}
