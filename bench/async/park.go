package async

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// nothing are tables that have nothing, and say so at once. They count what they are asked for.
type nothing struct{ reads *atomic.Int64 }

func (n nothing) Read(_ context.Context, keys [][]byte, _ func(int, []byte) error) error {
	n.reads.Add(int64(len(keys)))
	return nil
}

// Scan of whole key groups, which is how a store finds out what keys there are, does not come to an end: so a store never
// knows that a key is nowhere.
func (n nothing) Scan(_ context.Context, start, _ []byte, visit func(k, v []byte) error) (err error) {
	const group = 8 + 2 + 4 // what a table key has before the key itself
	for key := append(start, make([]byte, group)...); len(start) <= group && err == nil; {
		err = visit(key[:group], nil)
	}
	if err == nil {
		n.reads.Add(1)
	}
	return err
}

const (
	// parkKeys are so many that a key's records do not wait for each other.
	parkKeys = 16 << 10
	// mostParkNS is the target for a park and resume.
	mostParkNS = 2000
)

// parked measures what it costs to put a record aside in the middle of its function, because of a read that nobody
// could foresee, and to go on with it. The read itself is that of the same function over bare hot tables.
func (b *bench) parked(ctx context.Context) (err error) {
	p := &parking{records: b.o.Keys}
	if err := p.open(ctx); err != nil {
		return errors.Join(err, p.close())
	}
	defer func() { err = errors.Join(err, p.close()) }()
	row, err := pair{
		group: Park, name: "a read not foreseen", cost: true, target: mostParkNS,
		measured:  side{"operator, reading", p.run(p.reading, p.reading.Batch)},
		reference: side{"operator, in memory", p.run(p.whole, p.whole.Batch)},
	}.compare(ctx, b.o.Rounds, b.progress)
	if err != nil {
		return err
	}
	read, err := pair{
		group: Park, name: "the read alone", cost: true,
		measured:  side{"hot table, reading", p.run(p.reading, p.over(p.readingBare))},
		reference: side{"hot table, in memory", p.run(p.whole, p.over(p.wholeBare))},
	}.compare(ctx, b.o.Rounds, b.progress)
	row.ParkNS = (row.A.CPUNS - row.B.CPUNS) - (read.A.CPUNS - read.B.CPUNS)
	row.judge()
	b.report.Rows = append(b.report.Rows, row, read)
	return err
}

// parking are the four that are compared: operators and bare tables, that read and that have all in memory.
type parking struct {
	records                int64
	next                   int64 // an entry that nobody has asked for
	reads                  atomic.Int64
	reading, whole         *stage
	readingBare, wholeBare *bare
}

func (p *parking) open(ctx context.Context) (err error) {
	g := newGround(ofProcess(func() function { return &lookups{} }))
	if p.whole, err = g.open(ctx, setting{}); err != nil {
		return err
	}
	if p.wholeBare, err = newBare(ctx, &lookups{}, nil); err != nil {
		return err
	}
	if p.readingBare, err = newBare(ctx, &lookups{}, nothing{&p.reads}); err != nil {
		return err
	}
	g.laid = &checkpoint.Operator{UID: uid, Parallelism: 1, Subtasks: []checkpoint.Subtask{{Range: allGroups}}}
	if g.laid.Key, g.laid.States, err = g.plan.Describe(); err != nil {
		return err
	}
	if p.reading, err = g.open(ctx, setting{below: nothing{&p.reads}}); err != nil {
		return err
	}
	for _, s := range []*stage{p.reading, p.whole} {
		for _, to := range []func(*flow.Batch[row]) error{s.Batch, p.over(p.readingBare), p.over(p.wholeBare)} {
			if err := p.warm(s, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// warm gives all keys a value, which keeps their slots.
func (p *parking) warm(s *stage, to func(*flow.Batch[row]) error) error {
	fill := each(order(parkKeys, 1), batchLen, func(n int64) row { return row{n, -1} })
	for {
		b := s.pool.Get()
		if fill(b); len(b.Rows) == 0 {
			return s.settle()
		}
		s.hash(b)
		if err := s.room(); err != nil {
			return err
		}
		if err := to(b); err != nil {
			return err
		}
	}
}

// over is a batch on its way through bare tables.
func (p *parking) over(t *bare) func(*flow.Batch[row]) error {
	pool := operator.PoolOf[row]()
	return func(b *flow.Batch[row]) error {
		err := t.process(b)
		pool.Put(b)
		return err
	}
}

// run gives someone records that ask for entries which nobody has asked for.
func (p *parking) run(s *stage, to func(*flow.Batch[row]) error) func(context.Context) (spent, error) {
	return func(context.Context) (all spent, err error) {
		fill := each(order(p.records, 1), batchLen, func(int64) row {
			p.next++
			return row{p.next % parkKeys, p.next}
		})
		begin, reads := measure.Start(), p.reads.Load()
		for {
			b := s.pool.Get()
			if fill(b); len(b.Rows) == 0 {
				break
			}
			all.records += int64(len(b.Rows))
			s.hash(b)
			if err := s.room(); err != nil {
				return all, err
			}
			if err := errors.Join(to(b), s.resume()); err != nil {
				return all, err
			}
		}
		if err := s.settle(); err != nil {
			return all, err
		}
		all.Spent, all.reads = measure.Start().Since(begin), p.reads.Load()-reads
		return all, nil
	}
}

func (p *parking) close() (err error) {
	for _, s := range []*stage{p.reading, p.whole} {
		if s != nil {
			err = errors.Join(err, s.close())
		}
	}
	return err
}
