package state

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
)

// measurement is one of a job, from its begin to its row.
type measurement struct {
	o     Options
	c     cell
	far   measure.Far
	hold  lsm.Hold
	steps *steps
	watch watch

	merging int64 // reads by compactions, when the job rested last
	begin   measure.Meter
	before  moment
	row     *Row // when it is over
}

// moment is what has been counted until then.
type moment struct {
	samples []aquifer.Sample
	reads   measure.Reads
}

// measureJob counts keys in a job, with the state at a place, and a disk cache in an empty directory.
func measureJob(ctx context.Context, place, cache string, o Options, c cell) (r Row, err error) {
	debug.FreeOSMemory() // what others have left counts against the job's bound on memory
	m := &measurement{o: o, c: c, steps: newSteps(c.draw(o), c.warm(o))}
	ctx = open.Through(ctx, func(s objstore.Store) objstore.Store { return measure.Remote{Store: s, Far: &m.far} })
	run := aquifer.RunOptions{Memory: c.memory, CheckpointInterval: c.interval()}
	if c.disk > 0 {
		run.Cache, run.CacheSize, run.CacheKeepFree = cache, c.disk, -1
		defer func() { _ = os.RemoveAll(cache) }()
	}
	if c.interval() == shortInterval {
		ctx = m.hold.Under(ctx)
	}
	if _, err := runJob(ctx, place, run, m.steps, &m.watch, m.rest); err != nil {
		return r, err
	}
	return *m.row, nil
}

// rest begins what is measured when the job has warmed up and no compaction runs any more, and ends it.
func (m *measurement) rest(samples []aquifer.Sample) (over bool) {
	now := moment{samples, m.far.Count()}
	if m.before.samples != nil {
		r := rowOf(m.c, m.o, m.watch.stop.Since(m.begin), m.before, now)
		m.row = &r
		m.hold.Set(false)
		return true
	}
	if merging := now.reads[objstore.Compaction]; merging != m.merging {
		m.merging = merging
		return false
	}
	m.before = now
	m.far.Delay(m.o.Latency)
	m.hold.Set(m.c.variant == HeldBack)
	all := m.c.warm(m.o) + m.c.records(m.o)
	m.watch.at.Store(all)
	m.begin = measure.Start()
	m.steps.raise(all)
	return false
}
