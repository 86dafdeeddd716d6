package state

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// mostRatio is how many times longer a wait for state may be, at the 99th percentile, because compactions run.
const mostRatio = 2

// Run measures all that the options ask for and says on progress how far it is. It works in a temporary directory.
func Run(ctx context.Context, o Options, progress io.Writer) (r Report, err error) {
	if err := o.Check(); err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp("", "aquifer-bench-state")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{o: o, dir: dir, progress: progress, inMemory: map[string]float64{}}
	b.r = Report{Keys: o.Keys, LatencyMS: 1000 * o.Latency.Seconds(), CacheFraction: o.CacheFraction}
	err = b.all(ctx)
	return b.r, err
}

// bench makes a report.
type bench struct {
	o        Options
	dir      string
	progress io.Writer
	r        Report
	inMemory map[string]float64 // records per second, by distribution
}

func (b *bench) in(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) all(ctx context.Context) (err error) {
	fmt.Fprintf(b.progress, "counting each of %d keys once\n", b.o.Keys)
	if b.r.StateBytes, b.r.TableBytes, err = load(ctx, b.in("job"), b.o.Keys); err != nil {
		return err
	}
	if err := loadPeer(ctx, b.in("pebble"), b.o.Keys); err != nil {
		return err
	}
	for _, distribution := range b.o.Distributions {
		if _, err := b.job(ctx, cell{variant: InMemory, distribution: distribution}); err != nil {
			return err
		}
		for _, ratio := range b.o.Ratios {
			if err := b.beyondMemory(ctx, distribution, ratio); err != nil {
				return err
			}
		}
	}
	if !b.o.Compaction {
		return nil
	}
	return b.compaction(ctx)
}

// cellOf is the cell of a job with a bound on memory.
func (b *bench) cellOf(variant, distribution string, ratio float64) cell {
	memory := int64(float64(b.r.StateBytes) / ratio)
	return cell{variant: variant, distribution: distribution, ratio: ratio, memory: memory}
}

// beyondMemory adds the rows of a distribution and a ratio.
func (b *bench) beyondMemory(ctx context.Context, distribution string, ratio float64) error {
	plain, err := b.job(ctx, b.cellOf(NoCache, distribution, ratio))
	if err != nil {
		return err
	}
	if b.o.CacheFraction > 0 {
		c := b.cellOf(DiskCache, distribution, ratio)
		c.disk = int64(b.o.CacheFraction * float64(b.r.TableBytes))
		if _, err := b.job(ctx, c); err != nil {
			return err
		}
	}
	fmt.Fprintf(b.progress, "%d %s keys, %g times the memory, pebble\n", b.o.Records, distribution, ratio)
	theirs, err := measurePeer(ctx, b.in("pebble"), b.o, plain)
	if err == nil {
		b.add(theirs)
	}
	return err
}

// compaction adds a row with compactions all the time and one without, and compares them.
func (b *bench) compaction(ctx context.Context) error {
	on, err := b.job(ctx, b.cellOf(Compacting, b.o.Distributions[0], b.o.Ratios[0]))
	if err != nil {
		return err
	}
	off, err := b.job(ctx, b.cellOf(HeldBack, b.o.Distributions[0], b.o.Ratios[0]))
	if err == nil {
		b.r.compare(on, off)
	}
	return err
}

// compare judges the waits beside compactions by those without, if there were any.
func (r *Report) compare(on, off Row) {
	if off.WaitP99MS > 0 {
		r.CompactionRatio = on.WaitP99MS / off.WaitP99MS
		r.CompactionOK = r.CompactionRatio <= mostRatio
	}
}

// job measures the job and adds its row. One that keeps all in memory has a place of its own.
func (b *bench) job(ctx context.Context, c cell) (Row, error) {
	place := b.in("job")
	if c.variant == InMemory {
		place = b.in("memory")
		defer func() { _ = os.RemoveAll(place) }()
		fmt.Fprintf(b.progress, "%d %s keys, %s\n", c.records(b.o), c.distribution, c.variant)
	} else {
		fmt.Fprintf(b.progress, "%d %s keys, %g times the memory, %s\n",
			c.records(b.o), c.distribution, c.ratio, c.variant)
	}
	r, err := measureJob(ctx, place, b.in("cache"), b.o, c)
	if err != nil {
		return r, err
	}
	return b.add(r), nil
}

// add adds a row, compared with that of all in memory.
func (b *bench) add(r Row) Row {
	if r.Variant == InMemory {
		b.inMemory[r.Distribution] = r.RecordsPerS
	}
	if most := b.inMemory[r.Distribution]; most > 0 {
		r.OfMemory = r.RecordsPerS / most
	}
	b.r.Rows = append(b.r.Rows, r)
	return r
}
