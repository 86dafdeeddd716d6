package checkpoint

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/internal/measure"
)

// leastThroughput is what a job with checkpoints should process of what the same does without.
const leastThroughput = 0.97

// Toll is what checkpoints cost a job that is bound by its processors.
type Toll struct {
	// IntervalS is the time between checkpoints in seconds, Keys the number of keys in the state.
	IntervalS float64 `json:"interval_s"`
	Keys      int64   `json:"keys"`
	// Ratio is the median of Ratios, those of the pairs: the throughput with checkpoints by that without.
	Ratio  float64   `json:"ratio"`
	Ratios []float64 `json:"ratios"`
	// CPURatio is the median of the processor time of a record with checkpoints by that without.
	CPURatio float64 `json:"cpu_ratio"`
	// CPUShare is the processor time of all checkpoints, by that of all processors: what they take of a machine that does
	// nothing else.
	CPUShare float64 `json:"cpu_share"`
	// With and Without are medians.
	With    Pace `json:"with"`
	Without Pace `json:"without"`
}

// Pace is how fast a job was.
type Pace struct {
	RecordsPerS float64 `json:"records_per_s"`
	// CPUNS is the processor time of a record in nanoseconds, zero where that is not known.
	CPUNS float64 `json:"cpu_ns"`
}

// warm is how many times a key has come, on average, when all keys are in memory.
const warm = 20

// lap times a job from when its state is there.
type lap struct {
	source *rushing
	least  time.Duration
	begin  measure.Meter
	from   int64
	stop   chan struct{}
	pace   Pace
}

// hear ends the lap when it has been long enough.
func (l *lap) hear(e aquifer.Event) {
	if _, ok := e.(aquifer.Progress); !ok || l.pace.RecordsPerS > 0 {
		return
	}
	now, given := measure.Start(), l.source.given.Load()
	switch spent := now.Since(l.begin); {
	case given < warm*l.source.keys:
	case l.begin.Wall.IsZero():
		l.begin, l.from = now, given
	case spent.Wall >= l.least:
		n := float64(given - l.from)
		l.pace = Pace{RecordsPerS: n / spent.Wall.Seconds(), CPUNS: float64(spent.CPU) / n}
		close(l.stop)
	}
}

// pace measures the job with an interval between checkpoints, negative for none.
func pace(ctx context.Context, o Options, interval time.Duration) (p Pace, err error) {
	dir, err := os.MkdirTemp("", "aquifer-bench-checkpoint")
	if err != nil {
		return p, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	debug.FreeOSMemory() // what the one before has left
	subtasks := runtime.GOMAXPROCS(0)
	l := &lap{
		source: &rushing{keys: keysOf(o.Small), splits: subtasks}, stop: make(chan struct{}),
		least: time.Duration(o.Seconds * float64(time.Second)),
	}
	job := aquifer.NewJob("bench-cost")
	keys := aquifer.KeyBy(aquifer.From(job, "keys", l.source), func(k *int64) int64 { return *k })
	counted := aquifer.Process(keys, "count", func() aquifer.ProcessFunc[int64, int64] { return &counts{} })
	aquifer.To(counted, "out", discard.New[int64]())
	_, err = job.Run(ctx, aquifer.RunOptions{
		State: dir, Parallelism: subtasks, CheckpointInterval: interval, Restarts: -1, Stop: l.stop, OnEvent: l.hear,
	})
	if err == nil && l.pace.RecordsPerS == 0 {
		err = fmt.Errorf("the job ended before it was measured")
	}
	return l.pace, err
}

// cost compares jobs with checkpoints and without, which take turns.
func (b *bench) cost(ctx context.Context) error {
	t := &Toll{IntervalS: b.o.Short.Seconds(), Keys: keysOf(b.o.Small)}
	var with, without []Pace
	for i := range b.o.Pairs {
		b.say("pair %d of %d: a job that is bound by its processors, with checkpoints and without", i+1, b.o.Pairs)
		for turn := range 2 {
			all, interval := &with, b.o.Short
			if turn != i%2 { // each is the first of a pair in turn
				all, interval = &without, -1
			}
			p, err := pace(ctx, b.o, interval)
			if err != nil {
				return err
			}
			*all = append(*all, p)
		}
	}
	t.compare(with, without)
	b.r.Cost = t
	b.judge(measure.AtLeast(Cost, "throughput with checkpoints by that without", t.Ratio, leastThroughput))
	return nil
}

// compare compares the pairs.
func (t *Toll) compare(with, without []Pace) {
	var cpu []float64
	for i, w := range with {
		t.Ratios = append(t.Ratios, w.RecordsPerS/without[i].RecordsPerS)
		cpu = append(cpu, ratio(w.CPUNS, without[i].CPUNS))
	}
	t.Ratio, t.CPURatio = measure.Median(t.Ratios), measure.Median(cpu)
	t.With, t.Without = medianPace(with), medianPace(without)
	cores := float64(runtime.GOMAXPROCS(0))
	t.CPUShare = (t.With.CPUNS - t.Without.CPUNS) * 1e-9 * t.With.RecordsPerS / cores
}

// ratio is zero where nothing is known.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func medianPace(all []Pace) Pace {
	var rates, cpu []float64
	for _, p := range all {
		rates, cpu = append(rates, p.RecordsPerS), append(cpu, p.CPUNS)
	}
	return Pace{RecordsPerS: measure.Median(rates), CPUNS: measure.Median(cpu)}
}

func (t *Toll) print(w io.Writer) {
	fmt.Fprintf(w, "As fast as it can, with %d keys in memory: %.2f M records/s with a checkpoint every %g s, "+
		"%.2f M without (pairs: %.3f);\n%.0f ns and %.0f ns of processor time a record, %.3f times: "+
		"checkpoints take %.1f %% of all processors.\n",
		t.Keys, t.With.RecordsPerS/1e6, t.IntervalS, t.Without.RecordsPerS/1e6, t.Ratios,
		t.With.CPUNS, t.Without.CPUNS, t.CPURatio, 100*t.CPUShare)
}
