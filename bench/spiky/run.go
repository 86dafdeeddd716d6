package spiky

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/gcpace"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/state"
)

// Report is what a run was like. Fields are added, never renamed. Times are in seconds.
type Report struct {
	Subtasks    int     `json:"subtasks"`
	StateBytes  int64   `json:"state_bytes"`
	MemoryBytes int64   `json:"memory_bytes"`
	LoadS       float64 `json:"load_s"`
	// CapacityPerS is how many rows per second could be taken, Rows how many came after all keys were there.
	CapacityPerS float64 `json:"capacity_per_s"`
	Rows         int64   `json:"rows"`
	Checkpoints  int     `json:"checkpoints"`
	Failed       int     `json:"checkpoints_failed"`
	Restarts     int     `json:"restarts"`
	Compactions  int64   `json:"compactions"`
	// GapS is the longest time without output of a subtask while load was high. WaitMaxS is for how long a batch waited
	// for state at most, FreezeMaxS for how long a barrier stopped a subtask at most, as the job's metrics say.
	GapS       float64 `json:"gap_s"`
	WaitMaxS   float64 `json:"wait_max_s"`
	FreezeMaxS float64 `json:"freeze_max_s"`
	// PeakBytes is the largest resident set of the process, for whoever started it to fill in.
	PeakBytes int64 `json:"peak_bytes"`
}

// record is what a key holds.
type record struct {
	Count   int64
	Payload []byte
}

// counts counts how often each key has come.
type counts struct {
	payload int64
	state   state.Value[record]
}

// Open declares the state.
func (c *counts) Open(s *state.Scope) (err error) {
	c.state, err = state.NewValue[record](s, "record")
	return err
}

// Process counts a key.
func (c *counts) Process(ctx *aquifer.Context, key *int64, out aquifer.Collector[int64]) error {
	r, _, err := c.state.Get(ctx)
	if err != nil {
		return err
	}
	payload := make([]byte, c.payload)
	for i := range payload {
		payload[i] = byte(*key*31 + int64(i)*r.Count)
	}
	out.Emit(r.Count + 1)
	return c.state.Set(ctx, record{r.Count + 1, payload})
}

// Run runs a job as the options say, in this process.
func Run(ctx context.Context, o Options, progress io.Writer) (r Report, err error) {
	if err := o.Check(); err != nil {
		return r, err
	}
	defer gcpace.Start()()
	l := newLoad(o)
	sink := &gaps{load: l}
	job := aquifer.NewJob("surge")
	rows := aquifer.KeyBy(aquifer.From(job, "keys", keys{l}), func(k *int64) int64 { return *k })
	counted := aquifer.Process(rows, "count", func() aquifer.ProcessFunc[int64, int64] {
		return &counts{payload: o.Payload}
	})
	aquifer.To(counted, "out", sink)
	begin := time.Now()
	result, err := job.Run(ctx, aquifer.RunOptions{
		State: o.Place, Parallelism: o.Subtasks, Memory: o.Memory, CheckpointInterval: o.Interval, Restarts: -1,
		UnalignedAfter: o.Interval, // twice the capacity fills all channels, and these hold what takes minutes
		OnEvent:        func(e aquifer.Event) { tell(progress, e) },
	})
	r = reportOf(o, result)
	r.GapS = sink.Longest().Seconds()
	r.CapacityPerS, r.Rows = l.measured()
	if !l.begin.IsZero() {
		r.LoadS = l.begin.Sub(begin).Seconds()
	}
	return r, err
}

// tell says on progress how a run is going.
func tell(progress io.Writer, e aquifer.Event) {
	switch e := e.(type) {
	case aquifer.CheckpointStored:
		fmt.Fprintf(progress, "checkpoint %d, %.2f s, %.0f MB\n", e.Checkpoint, e.Duration.Seconds(), mb(e.Bytes))
	case aquifer.CheckpointFailed:
		fmt.Fprintf(progress, "checkpoint %d failed: %v\n", e.Checkpoint, e.Err)
	}
}

func reportOf(o Options, result aquifer.Result) Report {
	return Report{
		Subtasks: o.Subtasks, StateBytes: o.Keys * o.Payload, MemoryBytes: o.Memory,
		Checkpoints: result.CheckpointsCompleted, Failed: result.CheckpointsFailed, Restarts: result.Restarts,
		Compactions: int64(metric.Sum(result.Metrics, metric.Compactions)),
		WaitMaxS:    most(result.Metrics, metric.StallMax), FreezeMaxS: most(result.Metrics, metric.StateFreezeMax),
	}
}

// most is the largest value of a metric.
func most(samples []aquifer.Sample, name string) (value float64) {
	for _, s := range samples {
		if s.Name == name {
			value = max(value, s.Value)
		}
	}
	return value
}

// Print shows the report to a person.
func (r Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "subtasks\tstate MB\tmemory MB\tpeak MB\tload s\trows/s at most\trows\tcheckpoints\tfailed\t"+
		"compactions\tgap ms\twait ms\tfreeze ms\t")
	fmt.Fprintf(t, "%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.0f\t%d\t%d\t%d\t%d\t%.1f\t%.1f\t%.1f\t\n", r.Subtasks,
		mb(r.StateBytes), mb(r.MemoryBytes), mb(r.PeakBytes), r.LoadS, r.CapacityPerS, r.Rows, r.Checkpoints, r.Failed,
		r.Compactions, 1e3*r.GapS, 1e3*r.WaitMaxS, 1e3*r.FreezeMaxS)
	_ = t.Flush()
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }
