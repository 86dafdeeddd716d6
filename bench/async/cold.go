package async

import (
	"context"
	"errors"
	"time"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// visit goes on from what has been laid, and is fed for some time at most.
type visit struct {
	ground *ground
	setting
	length int // of a batch
	fill   func() filler
	// mark returns the watermark behind the rows fed so far; nil for none.
	mark func(fed int64) int64
}

// run feeds an operator and waits until all is done.
func (v visit) run(ctx context.Context, fed time.Duration) (all spent, err error) {
	s, err := v.ground.open(ctx, v.setting)
	if err != nil {
		return all, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	fill, begin, reads := v.fill(), measure.Start(), s.far.Count().All()
	var most int64
	for more := true; more && time.Since(begin.Wall) < fed; {
		if more, err = s.feed(fill); err == nil && more && v.mark != nil {
			err = s.mark(v.mark(s.fed))
		}
		if err != nil {
			return all, err
		}
		most = max(most, s.fed-s.env.Stats.RowsOut.Load())
	}
	if err := s.settle(); err != nil {
		return all, err
	}
	return spent{
		Spent: measure.Start().Since(begin), records: s.fed, reads: s.far.Count().All() - reads, inFlight: most,
	}, nil
}

// side is a side of a pair.
func (b *bench) side(name string, v visit) side {
	return side{name, func(ctx context.Context) (spent, error) { return v.run(ctx, b.o.fed()) }}
}

// blocking is how a function is run that waits for each of its reads: one record after the other.
func (v visit) blocking(fill func(length int) filler) visit {
	v.inFlight, v.length = 1, 1
	v.fill = func() filler { return fill(1) }
	return v
}

// compareBlocking compares what suits the operator with one record at a time.
func (b *bench) compareBlocking(ctx context.Context, p pair, v visit, fill func(length int) filler) error {
	v.fill = func() filler { return fill(batchLen) }
	p.measured = b.side("as it suits", v)
	p.reference = b.side("one at a time", v.blocking(fill))
	r, err := b.add(ctx, p)
	if err == nil {
		r.OfBound = r.A.RecordsPerS * r.A.ReadsPerRecord * b.o.Latency.Seconds() / readers
	}
	return err
}

// cold compares reads of uniformly drawn keys, none of which is in memory, with blocking ones.
func (b *bench) cold(ctx context.Context) error {
	g := newGround(ofProcess(func() function { return &wideCounts{} }))
	if err := g.lay(ctx, each(order(b.part(), laying), batchLen, oneByOne)); err != nil {
		return err
	}
	fill := func(length int) filler { return each(order(b.part(), visiting), length, oneByOne) }
	unbounded := setting{latency: b.o.Latency}
	p := pair{group: Cold, name: "cold keys", target: 500}
	if err := b.compareBlocking(ctx, p, visit{ground: g, setting: unbounded}, fill); err != nil {
		return err
	}
	bounded := setting{latency: b.o.Latency, memory: g.bytes / 8}
	p.name = "cold keys, memory full"
	return b.compareBlocking(ctx, p, visit{ground: g, setting: bounded}, fill)
}

// mostEntries are in the map of the coarse key.
const mostEntries = 100_000

// coarse compares reads of the entries of one key's map, which the function declares, with blocking ones.
func (b *bench) coarse(ctx context.Context) error {
	n := min(mostEntries, b.o.Keys)
	entry := func(n int64) row { return row{7, n} }
	g := newGround(ofProcess(func() function { return &entries{} }))
	if err := g.lay(ctx, each(order(n, laying), batchLen, entry)); err != nil {
		return err
	}
	fill := func(length int) filler { return each(order(n, visiting), length, entry) }
	p := pair{group: Coarse, name: "entries of one key", target: 100}
	return b.compareBlocking(ctx, p, visit{ground: g, setting: setting{latency: b.o.Latency}}, fill)
}
