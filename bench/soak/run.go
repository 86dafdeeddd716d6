package soak

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"time"
)

// Program is the job as a command, started again and again.
type Program struct {
	// Command returns the command with the flags of Options.Args.
	Command func() *exec.Cmd
	// Disk are the directories whose sizes are reported, by name. One may not exist yet.
	Disk map[string]string
	// Progress is told how far the job is.
	Progress io.Writer
}

// Run starts the program and kills it as often as the options say, at random moments, then lets it finish. The error
// is that of a job that failed or ended before it had been killed often enough.
func (p Program) Run(ctx context.Context, o Options, rng *rand.Rand) (r Report, err error) {
	if err := o.Check(); err != nil {
		return r, err
	}
	r = Report{Bytes: o.Bytes, MemoryBytes: o.Memory, Rows: o.Plan().Rows(), Disk: map[string]int64{}}
	for r.Kills < o.Kills {
		kill := &Kill{1 + rng.IntN(o.Spread), time.Duration(rng.Int64N(int64(o.Interval)))}
		ran, err := p.Once(ctx, kill, &r)
		if err != nil {
			return r, fmt.Errorf("after %d kills: %w", r.Kills, err)
		}
		if !ran.Killed {
			return r, fmt.Errorf("the job finished after %d kills of %d: give it more state", r.Kills, o.Kills)
		}
		r.Kills++
	}
	_, err = p.Once(ctx, nil, &r)
	return r, err
}

// Once runs the program, to its end if there is no kill, and adds what became of it to the report.
func (p Program) Once(ctx context.Context, kill *Kill, r *Report) (Ran, error) {
	ran, err := run(ctx, p.Command(), kill, p.Progress)
	r.Processes = append(r.Processes, ran)
	r.Seconds += ran.Seconds
	r.PeakBytes = max(r.PeakBytes, ran.PeakBytes)
	for name, dir := range p.Disk {
		r.Disk[name] = max(r.Disk[name], sizeOf(dir))
	}
	return ran, err
}

// sizeOf is the size of all files below a directory. Files may disappear meanwhile.
func sizeOf(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
