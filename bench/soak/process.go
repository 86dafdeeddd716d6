package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/aquifer-stream/aquifer/internal/metric"
)

// Kill says when a process is killed: after so many of its checkpoints, and a pause.
type Kill struct {
	Checkpoints int
	Pause       time.Duration
}

// Ran is what became of a process.
type Ran struct {
	// Killed is false when the process came to the end of the job.
	Killed bool `json:"killed"`
	// RestoreS is the time in seconds until the tasks ran, Seconds that of all.
	RestoreS float64 `json:"restore_s"`
	Seconds  float64 `json:"seconds"`
	// Rows is how many the ledger had when last asked, at a checkpoint, or all when the job has ended.
	Rows        int64 `json:"rows"`
	Checkpoints int   `json:"checkpoints"`
	// Cold is the share of them that waited for the object store.
	Cold float64 `json:"cold"`
	// PeakBytes is the largest resident set, StateBytes the size of the tables of the last checkpoint.
	PeakBytes  int64 `json:"peak_bytes"`
	StateBytes int64 `json:"state_bytes"`
}

// record is a line of a program's log, with the attributes that matter here.
type record struct {
	Message    string  `json:"msg"`
	Checkpoint uint64  `json:"checkpoint"`
	Restore    float64 `json:"restore_seconds"`
	Bytes      int64   `json:"bytes"`
	Rows       int64   `json:"rows_read"`
	URL        string  `json:"url"`
}

// process is one that runs. It is used by one goroutine.
type process struct {
	Ran
	command  *exec.Cmd
	kill     *Kill // nil for never
	begin    time.Time
	metrics  string // URL
	progress io.Writer
	said     strings.Builder // what is not a record, such as the error that ends it
	dying    *time.Timer
}

// run runs a command to its end, or until it is killed. What it logs of its way is shown on progress. The error of a
// command that fails by itself has what it said.
func run(ctx context.Context, command *exec.Cmd, kill *Kill, progress io.Writer) (Ran, error) {
	p := &process{command: command, kill: kill, begin: time.Now(), progress: progress}
	log, err := command.StderrPipe()
	if err != nil {
		return p.Ran, err
	}
	if err := command.Start(); err != nil {
		return p.Ran, err
	}
	defer context.AfterFunc(ctx, func() { _ = command.Process.Kill() })()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.hear(ctx, lines.Bytes())
	}
	err = errors.Join(lines.Err(), command.Wait())
	if p.dying != nil && !p.dying.Stop() {
		p.Killed = command.ProcessState.ExitCode() < 0
	}
	p.Seconds = time.Since(p.begin).Seconds()
	p.PeakBytes = peak(command)
	if err != nil && !p.Killed {
		return p.Ran, fmt.Errorf("%w after %d checkpoints: %s", err, p.Checkpoints, strings.TrimSpace(p.said.String()))
	}
	return p.Ran, context.Cause(ctx)
}

// peak is the largest resident set of a process that has ended. The system counts what its parent had when it
// started it, too: the parent must be smaller.
func peak(command *exec.Cmd) int64 {
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return int64(usage.Maxrss) << 10
}

// hear takes a line in.
func (p *process) hear(ctx context.Context, line []byte) {
	var r record
	if json.Unmarshal(line, &r) != nil {
		fmt.Fprintf(&p.said, "%s\n", line)
		return
	}
	switch r.Message {
	case "metrics served":
		p.metrics = r.URL
	case "tasks started":
		p.RestoreS = r.Restore
	case "checkpoint completed":
		p.Checkpoints++
		p.StateBytes = r.Bytes
		p.look(ctx)
		if p.kill != nil && p.Checkpoints == p.kill.Checkpoints {
			p.dying = time.AfterFunc(p.kill.Pause, func() { _ = p.command.Process.Kill() })
		}
	case "job finished":
		p.Rows = r.Rows
	}
}

// look asks the process how far it is, and tells.
func (p *process) look(ctx context.Context) {
	n, err := scrape(ctx, p.metrics)
	if err != nil {
		return // it is about to end
	}
	p.Rows = int64(n[metric.RowsIn+":ledger"])
	p.Cold = n[metric.StateHits+":"+metric.Store] / max(1, n[metric.StateLookups])
	seconds := time.Since(p.begin).Seconds()
	fmt.Fprintf(p.progress, "%6.1f s: checkpoint %d, %d rows, %.0f rows/s, %.3f GB of tables, %.1f %% of rows waited\n",
		seconds, p.Checkpoints, p.Rows, float64(p.Rows)/seconds, gb(p.StateBytes), 100*p.Cold)
}
