package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/state"
)

// stateMarks compare a job that counts by key with a loop over a Go map.
func stateMarks(ctx context.Context, o options, progress io.Writer) ([]mark, error) {
	var marks []mark
	for _, size := range []struct {
		name  string
		keys  float64
		ratio float64
	}{{"1m", 1e6, 0.8}, {"20m", 20e6, 1.5}} {
		maps, jobs, err := pairs(ctx, o, progress, "map-"+size.name, "state-"+size.name)
		if err != nil {
			return nil, err
		}
		middle := func(of func(a, b sample) float64) float64 { return median(maps, jobs, of) }
		detail := fmt.Sprintf("map %.0f ns, job %.0f ns a record (%.0f ns of CPU), %.0f checkpoints",
			middle(func(a, _ sample) float64 { return a.WallNS }), middle(func(_, b sample) float64 { return b.WallNS }),
			middle(func(_, b sample) float64 { return b.CPUNS }),
			middle(func(_, b sample) float64 { return float64(b.Checkpoints) }))
		marks = append(marks, atLeast("count by key, "+size.name+" keys",
			middle(func(a, b sample) float64 { return a.WallNS / b.WallNS }), size.ratio, "× a Go map", detail))
		if size.name != "20m" {
			continue
		}
		marks = append(marks,
			atMost("collector, 20m keys", middle(func(_, b sample) float64 { return 100 * b.GCShare }), 10, "% of CPU", ""),
			atMost("memory, 20m keys",
				middle(func(_, b sample) float64 { return float64(b.GrownBytes) / (size.keys * 16) }), 2.5,
				"× keys and values", fmt.Sprintf("largest resident set beyond that of the start; the map's: %.2g ×",
					middle(func(a, _ sample) float64 { return float64(a.GrownBytes) / (size.keys * 16) }))))
	}
	return marks, nil
}

// measureMap adds one to the counts of uniformly drawn keys, all of which are there.
func measureMap(keys, records int64) sample {
	before := measure.Resident()
	counts := make(map[int64]int64)
	for k := range keys {
		counts[k] = 1
	}
	rng := rand.New(rand.NewPCG(1, 1))
	m := startMeter()
	for range records {
		counts[rng.Int64N(keys)]++
	}
	s := m.stop(records)
	s.GrownBytes = measure.PeakResident() - before
	return s
}

// measureState does the same in a job: source, key-by, a value state, a checkpoint every second. What is measured
// begins when all keys are there.
func measureState(keys, records int64) (s sample, err error) {
	dir, err := os.MkdirTemp("", "speed")
	if err != nil {
		return s, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	before := measure.Resident()
	src := &uniform{keys: keys, end: keys + records}
	job := aquifer.NewJob("state")
	byKey := aquifer.KeyBy(aquifer.From(job, "keys", src), func(k *int64) int64 { return *k })
	counts := aquifer.Process(byKey, "count", func() aquifer.ProcessFunc[int64, int64] { return &counter{} })
	aquifer.To(counts, "out", discard.New[int64]())
	r, err := aquifer.RunUntilSignal(context.Background(), job, aquifer.RunOptions{
		State: dir, Parallelism: 1, CheckpointInterval: time.Second, OnEvent: src.hear,
	}, io.Discard)
	if err == nil && r.RowsRead != keys+records {
		err = fmt.Errorf("%d rows read", r.RowsRead)
	}
	src.measured.GrownBytes = measure.PeakResident() - before
	return src.measured, err
}

// uniform is a source of numbers: first each once, then drawn at random. It measures from the first that is drawn
// to the end; what is then still on its way are a few batches.
type uniform struct {
	keys, end   int64
	next        int64
	rng         *rand.Rand
	meter       meter
	measured    sample
	checkpoints atomic.Int32
}

func (u *uniform) hear(e aquifer.Event) {
	if _, ok := e.(aquifer.CheckpointStored); ok {
		u.checkpoints.Add(1)
	}
}

// Discover returns the only split.
func (u *uniform) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	if known.Has("all") {
		return flow.Discovery{}, nil
	}
	return flow.Discovery{Splits: []flow.Split{{ID: "all", Bounded: true}}}, nil
}

// Open begins anew: a job that fails is not measured.
func (u *uniform) Open(context.Context, flow.Split) (flow.Reader[int64], error) {
	if u.next > 0 {
		return nil, fmt.Errorf("the job was restarted")
	}
	u.rng = rand.New(rand.NewPCG(1, 1))
	return u, nil
}

// Read draws numbers.
func (u *uniform) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	for n := cap(out.Rows) - len(out.Rows); n > 0; n-- {
		if u.next == u.keys {
			u.checkpoints.Store(0)
			u.meter = startMeter()
		}
		if u.next == u.end {
			u.measured = u.meter.stop(u.end - u.keys)
			u.measured.Checkpoints = int(u.checkpoints.Load())
			return flow.End, nil
		}
		k := u.next
		if k >= u.keys {
			k = u.rng.Int64N(u.keys)
		}
		out.Append(k, flow.NoTime)
		u.next++
	}
	return flow.More, nil
}

// Ready, Position and Close complete the reader.
func (u *uniform) Ready() <-chan struct{} { return nil }
func (u *uniform) Position() []byte       { return []byte("begun") }
func (u *uniform) Close() error           { return nil }

// counter counts the records of a key.
type counter struct{ n state.Value[int64] }

func (c *counter) Open(s *state.Scope) (err error) {
	c.n, err = state.NewValue[int64](s, "n")
	return err
}

func (c *counter) Process(ctx *aquifer.Context, _ *int64, _ aquifer.Collector[int64]) error {
	n, _, err := c.n.Get(ctx)
	if err != nil {
		return err
	}
	return c.n.Set(ctx, n+1)
}
