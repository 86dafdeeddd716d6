package async

import (
	"context"
	"io"
)

// Run measures all that the options ask for and says on progress how far it is. All of it is in memory.
func Run(ctx context.Context, o Options, progress io.Writer) (Report, error) {
	if err := o.Check(); err != nil {
		return Report{}, err
	}
	b := &bench{o: o, progress: progress, report: Report{
		Keys: o.Keys, LatencyMS: 1000 * o.Latency.Seconds(), Rounds: o.Rounds, Rows: []Row{},
	}}
	for _, group := range []struct {
		name string
		run  func(context.Context) error
	}{
		{Memory, b.inMemory}, {Cold, b.cold}, {Coarse, b.coarse}, {Watermarks, b.watermarks}, {Park, b.parked},
		{Swing, b.swing},
	} {
		if !o.wants(group.name) {
			continue
		}
		if err := group.run(ctx); err != nil {
			return b.report, err
		}
	}
	return b.report, nil
}

// bench makes a report.
type bench struct {
	o        Options
	progress io.Writer
	report   Report
}

// add runs a pair and adds its row.
func (b *bench) add(ctx context.Context, p pair) (*Row, error) {
	r, err := p.compare(ctx, b.o.Rounds, b.progress)
	if err != nil {
		return nil, err
	}
	b.report.Rows = append(b.report.Rows, r)
	return &b.report.Rows[len(b.report.Rows)-1], nil
}

// part is a number of keys whose state can be laid in a moment.
func (b *bench) part() int64 { return max(leastKeys, b.o.Keys/4) }
