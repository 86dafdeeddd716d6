package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"time"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// sample is what one process measured of one side of a pair.
type sample struct {
	Records int64   `json:"records"`
	WallNS  float64 `json:"wall_ns"` // a record
	CPUNS   float64 `json:"cpu_ns"`  // a record
	Mallocs float64 `json:"mallocs"` // a record
	// GCShare is the collector's share of the processor time used.
	GCShare float64 `json:"gc_share"`
	// GrownBytes is by how much the largest resident set exceeded that of the start.
	GrownBytes  int64 `json:"grown_bytes"`
	Checkpoints int   `json:"checkpoints"`
}

// sides are what a child can measure, by name.
var sides = map[string]func(o options) (sample, error){
	"generator": measureGenerator,
	"q0":        measureQ0,
	"map-1m":    func(options) (sample, error) { return measureMap(1_000_000, 40_000_000), nil },
	"map-20m":   func(options) (sample, error) { return measureMap(20_000_000, 40_000_000), nil },
	"state-1m":  func(options) (sample, error) { return measureState(1_000_000, 40_000_000) },
	"state-20m": func(options) (sample, error) { return measureState(20_000_000, 40_000_000) },
}

func runChild(name string, o options, stdout io.Writer) error {
	side, ok := sides[name]
	if !ok {
		return fmt.Errorf("nothing is called %q", name)
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	s, err := side(o)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(s)
}

// measureChild runs one side in a process of its own.
func measureChild(ctx context.Context, name string, o options) (s sample, err error) {
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	c := exec.CommandContext(ctx, self, "-child", name, "-events", fmt.Sprint(o.events))
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	return s, json.Unmarshal(text, &s)
}

// pairs measures two sides alternately and returns the samples of each.
func pairs(ctx context.Context, o options, progress io.Writer, a, b string) (as, bs []sample, err error) {
	for round := range o.rounds {
		for _, side := range []struct {
			name string
			into *[]sample
		}{{a, &as}, {b, &bs}} {
			s, err := measureChild(ctx, side.name, o)
			if err != nil {
				return nil, nil, err
			}
			fmt.Fprintf(progress, "%d/%d %-10s %6.1f ns a record, %6.1f ns of CPU\n",
				round+1, o.rounds, side.name, s.WallNS, s.CPUNS)
			*side.into = append(*side.into, s)
		}
	}
	return as, bs, nil
}

// median is the middle one of what is computed of each pair.
func median(as, bs []sample, of func(a, b sample) float64) float64 {
	var all []float64
	for i := range as {
		all = append(all, of(as[i], bs[i]))
	}
	return measure.Median(all)
}

// meter measures what the process uses between start and stop.
type meter struct {
	wall    time.Time
	cpu, gc time.Duration
	mallocs uint64
}

func startMeter() meter {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return meter{time.Now(), measure.CPUTime(), gcTime(), m.Mallocs}
}

func (m meter) stop(records int64) sample {
	wall, cpu, gc := time.Since(m.wall), measure.CPUTime()-m.cpu, gcTime()-m.gc
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	n := float64(records)
	return sample{
		Records: records, WallNS: float64(wall) / n, CPUNS: float64(cpu) / n,
		Mallocs: float64(after.Mallocs-m.mallocs) / n, GCShare: float64(gc) / float64(cpu),
	}
}

// gcTime is the processor time that the collector has used, but for what it did when nothing else ran.
func gcTime() time.Duration {
	m := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	metrics.Read(m)
	return time.Duration((m[0].Value.Float64() - m[1].Value.Float64()) * float64(time.Second))
}
