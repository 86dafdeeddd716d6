package control

import (
	"slices"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

const (
	// remembered is how many checkpoints are told.
	remembered = 16
	// longestMessage bounds that of a checkpoint that failed in bytes: it may have a stack.
	longestMessage = 4 << 10
)

// book knows what a job tells of itself. It is safe for concurrent use.
type book struct {
	mu      sync.Mutex
	job     Job
	elapsed time.Duration // at the last progress
}

// newBook is that of a job that is about to run.
func newBook(p *plan.Physical, job Job) *book {
	job.Name, job.Status = p.Name, "starting"
	job.Checkpoints, job.Failures = []Checkpoint{}, []Failure{}
	for _, n := range p.Nodes() {
		o := Operator{Name: n.Name, UID: n.UID, Parallelism: n.Parallelism, Inputs: []Edge{}}
		for _, e := range n.Inputs {
			o.Inputs = append(o.Inputs, Edge{e.From.Name, exchange(e.Exchange)})
		}
		job.Operators = append(job.Operators, o)
	}
	return &book{job: job}
}

func exchange(e operator.Exchange) string {
	switch e {
	case operator.Hash:
		return "hash"
	case operator.Rebalance:
		return "rebalance"
	case operator.Broadcast:
		return "broadcast"
	}
	return "forward"
}

// read returns the job as it is.
func (b *book) read() Job {
	b.mu.Lock()
	defer b.mu.Unlock()
	job := b.job
	job.Operators = slices.Clone(job.Operators)
	job.Checkpoints, job.Failures = slices.Clone(job.Checkpoints), slices.Clone(job.Failures)
	return job
}

// step takes an event in that happened now.
func (b *book) step(e coordinator.Event, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := e.(type) {
	case coordinator.Resumed:
		b.job.ResumedFrom = e.Checkpoint
	case coordinator.Started:
		b.restarting(e.Operators, false)
		b.job.Failures = failures(e.Failures)
	case coordinator.CheckpointStored:
		b.job.StoredBytes = e.Bytes
		b.checkpoint(Checkpoint{
			Checkpoint: e.Checkpoint, Time: now.UnixMilli(), Reason: e.Reason, Seconds: e.Duration.Seconds(),
			Bytes: e.Bytes, NewBytes: e.NewBytes,
		})
	case coordinator.CheckpointFailed:
		b.checkpoint(Checkpoint{Checkpoint: e.Checkpoint, Time: now.UnixMilli(), Error: cut(e.Err.Error())})
	case coordinator.Restarting:
		b.restarting(e.Operators, true)
		b.job.Restarts++
		b.job.Failures = failures(e.Failures)
	case coordinator.Progress:
		b.progress(e)
	}
}

// restarting notes of some operators, or of all for nil, whether they wait for a restart. The job does as long as any do.
func (b *book) restarting(uids []string, restarting bool) {
	b.job.Status = "running"
	for i := range b.job.Operators {
		o := &b.job.Operators[i]
		if uids == nil || slices.Contains(uids, o.UID) {
			o.Restarting = restarting
		}
		if o.Restarting {
			b.job.Status = "restarting"
		}
	}
}

// failures are those that the run remembers, as they are told.
func failures(all []coordinator.Failure) []Failure {
	told := []Failure{}
	for _, f := range all {
		told = append(told, Failure{
			Time: f.At.UnixMilli(), Operator: f.Task, UID: f.Operator, Key: f.Key, Record: f.Record, Message: f.Message,
			Restarted: f.Restarted, PauseSeconds: f.Pause.Seconds(), DownSeconds: f.Down.Seconds(), Checkpoint: f.Checkpoint,
		})
	}
	return told
}

func (b *book) checkpoint(c Checkpoint) {
	all := append(b.job.Checkpoints, c)
	b.job.Checkpoints = all[max(0, len(all)-remembered):]
}

func cut(message string) string { return message[:min(len(message), longestMessage)] }

func (b *book) progress(p coordinator.Progress) {
	j := &b.job
	if d := (p.Elapsed - b.elapsed).Seconds(); d > 0 {
		rate := float64(p.RowsRead-j.RowsRead) / d
		j.RowsPerS += (rate - j.RowsPerS) * min(1, d)
	}
	b.elapsed = p.Elapsed
	j.RowsRead, j.RowsWritten, j.MemoryBytes, j.Keys = p.RowsRead, p.RowsWritten, p.StateBytes, p.Keys
	j.EventTime, j.EventTimeKnown = 0, false
	if p.Watermark != flow.NoTime && p.Watermark != flow.EndOfTime {
		j.EventTime, j.EventTimeKnown = p.Watermark, true
	}
	operators := slices.Clone(j.Operators) // those that were told keep their counts
	byUID := map[string]*Operator{}        // a node's number is that in its region, which is not always the job
	for i := range operators {
		o := &operators[i]
		o.RowsIn, o.RowsOut, o.MemoryBytes, o.Keys = 0, 0, 0, 0
		byUID[o.UID] = o
	}
	for _, s := range p.Operators {
		o := byUID[s.Node.UID]
		o.RowsIn += s.RowsIn.Load()
		o.RowsOut += s.RowsOut.Load()
		o.MemoryBytes += s.StateBytes.Load()
		o.Keys += s.Keys.Load()
	}
	j.Operators = operators
}
