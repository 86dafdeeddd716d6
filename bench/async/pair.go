package async

import (
	"context"
	"fmt"
	"io"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// side is one of the two that are compared.
type side struct {
	name string
	run  func(context.Context) (spent, error)
}

// pair are two ways to do the same.
type pair struct {
	group, name         string
	measured, reference side
	// cost says that the ratio is of the processor time of a record, else of throughput.
	cost bool
	// target is the most that the ratio should be if it is of a cost, else the least; 0 for none.
	target float64
}

// compare runs the two in turns.
func (p pair) compare(ctx context.Context, rounds int, progress io.Writer) (r Row, err error) {
	var ours, theirs []spent
	var ratios []float64
	for round := range rounds {
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		fmt.Fprintf(progress, "%s, %s against %s: %d of %d\n", p.name, p.measured.name, p.reference.name, round+1, rounds)
		first, second := p.measured.run, p.reference.run
		if round%2 == 1 { // whoever comes first finds another machine
			first, second = second, first
		}
		a, err := first(ctx)
		if err != nil {
			return r, err
		}
		b, err := second(ctx)
		if err != nil {
			return r, err
		}
		if round%2 == 1 {
			a, b = b, a
		}
		ours, theirs = append(ours, a), append(theirs, b)
		ratios = append(ratios, p.ratio(a, b))
	}
	return p.row(ours, theirs, ratios), nil
}

func (p pair) ratio(a, b spent) float64 {
	if p.cost {
		return a.each() / max(b.each(), 1e-9)
	}
	return a.rate() / max(b.rate(), 1e-9)
}

func (p pair) row(ours, theirs []spent, ratios []float64) Row {
	r := Row{
		Group: p.group, Name: p.name, Measured: p.measured.name, Reference: p.reference.name, Target: p.target,
		Cost: p.cost, Ratio: measure.Median(ratios), Ratios: ratios, A: figuresOf(ours), B: figuresOf(theirs),
	}
	r.judge()
	return r
}

// figuresOf are the medians of what runs took.
func figuresOf(runs []spent) Figures {
	of := func(f func(spent) float64) float64 {
		all := make([]float64, len(runs))
		for i, s := range runs {
			all[i] = f(s)
		}
		return measure.Median(all)
	}
	return Figures{
		Records:     int64(of(func(s spent) float64 { return float64(s.records) })),
		RecordsPerS: of(spent.rate), CPUNS: of(spent.each), Cores: of(spent.cores),
		ReadsPerRecord: of(func(s spent) float64 { return float64(s.reads) / max(1, float64(s.records)) }),
		InFlight:       int64(of(func(s spent) float64 { return float64(s.inFlight) })),
	}
}
