package checkpoint

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/measure"
)

// leastSaving is how much shorter checkpoints should be that save the records in flight. At 6,000 records the others wait
// for six rounds of the 1,024 reads that a process may have under way.
const leastSaving = 3

// Drained is what was measured of a job whose records wait for reads of state when a barrier comes. Durations are
// medians, in seconds.
type Drained struct {
	InFlight  int     `json:"in_flight"`
	LatencyMS float64 `json:"latency_ms"`
	// AlignedS is the duration of checkpoints whose barriers wait for all records in flight, UnalignedS of those that
	// save the ones that have not begun, IdleS with none in flight, and Speedup how much shorter the second is than
	// the first.
	AlignedS   float64 `json:"aligned_s"`
	UnalignedS float64 `json:"unaligned_s"`
	IdleS      float64 `json:"idle_s"`
	Speedup    float64 `json:"speedup"`
	// WaitReads is for how many reads checkpoints that save records are longer than such with none in flight.
	WaitReads float64 `json:"wait_reads"`
	// Reads is how many reads the records made, SavedBytes the size of those that were saved.
	Reads      int64 `json:"reads"`
	SavedBytes int64 `json:"saved_bytes"`
}

// lay makes the state, and returns the checkpoint that has it.
func lay(ctx context.Context, o Options, dir string) (id uint64, err error) {
	b := newBursting(o, newBursts(apart*int64(o.InFlight), apart*int64(o.InFlight)))
	err = b.run(ctx, dir, 0, 0, func(ctx context.Context) error {
		b.source.give()
		if err := await(ctx, b.over); err != nil {
			return err
		}
		id, err = b.requests.Checkpoint(ctx)
		return err
	})
	return id, err
}

// drained is what one run has measured.
type drained struct {
	idle, busy aquifer.CheckpointStored
	reads      int64
}

// drainOnce takes a checkpoint of a job that rests, and another when records wait for state.
func drainOnce(ctx context.Context, o Options, dir string, from uint64, after time.Duration) (d drained, err error) {
	b := newBursting(o, newBursts(apart*int64(o.InFlight), int64(o.InFlight)))
	var idle, busy uint64
	err = b.run(ctx, dir, from, after, func(ctx context.Context) (err error) {
		if idle, err = b.requests.Checkpoint(ctx); err != nil {
			return err
		}
		b.far.Delay(o.Latency)
		before := b.far.Count().All()
		b.source.give()
		if err := await(ctx, b.source.given); err != nil {
			return err
		}
		if busy, err = b.requests.Checkpoint(ctx); err != nil {
			return err
		}
		err = await(ctx, b.over)
		d.reads = b.far.Count().All() - before
		return err
	})
	d.idle, d.busy = b.stored[idle], b.stored[busy]
	return d, err
}

// drain compares barriers that wait for records in flight with such as save them.
func (b *bench) drain(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "aquifer-bench-checkpoint")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o := b.o
	b.say("%d checkpoints of %d records in flight, with barriers that wait for them, and that do not",
		o.Checkpoints, o.InFlight)
	from, err := lay(ctx, o, dir)
	if err != nil {
		return err
	}
	var all [2][]drained
	for range o.Checkpoints {
		for i, after := range []time.Duration{0, -1} {
			one, err := drainOnce(ctx, o, dir, from, after)
			if err != nil {
				return err
			}
			all[i] = append(all[i], one)
		}
	}
	b.r.Drain = newDrained(o, all[0], all[1])
	b.judge(measure.AtLeast(Drain, "duration with barriers that wait by that with such as save", b.r.Drain.Speedup, leastSaving))
	return nil
}

func newDrained(o Options, aligned, unaligned []drained) *Drained {
	of := func(all []drained, figure func(drained) int64) int64 {
		var figures []int64
		for _, one := range all {
			figures = append(figures, figure(one))
		}
		return measure.Median(figures)
	}
	busy := func(one drained) int64 { return int64(one.busy.Duration) }
	seconds := func(ns int64) float64 { return time.Duration(ns).Seconds() }
	d := &Drained{
		InFlight: o.InFlight, LatencyMS: 1e3 * o.Latency.Seconds(),
		AlignedS: seconds(of(aligned, busy)), UnalignedS: seconds(of(unaligned, busy)),
		IdleS:      seconds(of(unaligned, func(one drained) int64 { return int64(one.idle.Duration) })),
		Reads:      of(unaligned, func(one drained) int64 { return one.reads }),
		SavedBytes: of(unaligned, func(one drained) int64 { return one.busy.Overtaken }),
	}
	d.Speedup = d.AlignedS / d.UnalignedS
	d.WaitReads = (d.UnalignedS - d.IdleS) / o.Latency.Seconds()
	return d
}

func (d *Drained) print(w io.Writer) {
	fmt.Fprintf(w, "%d records in flight with %d reads of %g ms: a checkpoint takes %.0f ms with barriers that wait "+
		"for them, and %.0f ms with barriers\nthat save %.2f MiB of them, %.1f times less; %.0f ms with none in flight.\n",
		d.InFlight, d.Reads, d.LatencyMS, 1e3*d.AlignedS, 1e3*d.UnalignedS, mib(d.SavedBytes), d.Speedup, 1e3*d.IdleS)
}
