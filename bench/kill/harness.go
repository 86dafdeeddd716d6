package kill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Program is a job that writes files, as a command.
type Program struct {
	// Name is for messages.
	Name string
	// Command returns the job's command with its state at the given place and output in a directory.
	Command func(place, out string) *exec.Cmd
}

// State is where the state of a job is: the place as the job knows it, and the directory in which its objects can be
// seen from outside. They are the same, unless a server is in front of the directory.
type State struct{ Place, Dir string }

// Report says what a series of kills met.
type Report struct {
	// Kills are those that count: after a checkpoint and a commit of that run. Early are the others.
	Kills, Early int
	// Between are the kills after a head's advance and before the commit of that checkpoint's output.
	Between int
}

// Run runs the program and kills it until it has been killed often enough, then lets it finish. Each run must
// complete a checkpoint before its kill counts.
func (p Program) Run(ctx context.Context, kills int, rng *rand.Rand, state State, out string) (Report, error) {
	var r Report
	for r.Kills < kills {
		killed, between, err := p.once(ctx, rng, state, out)
		switch {
		case err != nil:
			return r, fmt.Errorf("%s, after %d kills: %w", p.Name, r.Kills, err)
		case killed == finished:
			return r, fmt.Errorf("%s finished after %d kills: give it more input", p.Name, r.Kills)
		case killed == early:
			r.Early++
			continue
		}
		r.Kills++
		if between {
			r.Between++
		}
	}
	return r, p.Finish(ctx, state.Place, out)
}

// Finish runs the program to its end.
func (p Program) Finish(ctx context.Context, place, out string) error {
	c := p.Command(place, out)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := runContext(ctx, c); err != nil {
		return fmt.Errorf("%w\n%s", err, output.String())
	}
	return nil
}

func runContext(ctx context.Context, c *exec.Cmd) error {
	if err := c.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Kill() })
	defer stop()
	return c.Wait()
}

type outcome int

const (
	counted outcome = iota
	early
	finished
)

// once starts the program and kills it: half of the time at a random moment after its first commit, half of
// the time as soon as the head has advanced and its output is not all visible yet.
func (p Program) once(ctx context.Context, rng *rand.Rand, state State, out string) (outcome, bool, error) {
	c := p.Command(state.Place, out)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		return early, false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	watch := watcher{state: state.Dir, out: out}
	armed, err := watch.untilCommit(ctx, ended)
	if err != nil || !armed {
		if errors.Is(err, errEnded) {
			return finished, false, nil
		}
		return early, false, fmt.Errorf("%w\n%s", err, output.String())
	}
	if rng.IntN(2) == 0 {
		watch.untilHeadMoves(ctx)
	} else {
		pause(ctx, time.Duration(rng.IntN(150))*time.Millisecond)
	}
	if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return early, false, err
	}
	if err := <-ended; err == nil {
		return finished, false, nil
	}
	between, err := watch.uncommitted()
	return counted, between, err
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

var errEnded = errors.New("the program ended by itself")

// watcher looks at a running job from outside, through its files.
type watcher struct {
	state, out string
	head       []byte
}

// untilCommit waits until this run has advanced the head and shown new output.
func (w *watcher) untilCommit(ctx context.Context, ended <-chan error) (bool, error) {
	w.head = w.readHead()
	visible := w.visible()
	for {
		select {
		case err := <-ended:
			if err == nil {
				return false, errEnded
			}
			return false, fmt.Errorf("the program failed: %w", err)
		case <-ctx.Done():
			return false, context.Cause(ctx)
		default:
		}
		if head := w.readHead(); w.checkpoint(head) > w.checkpoint(w.head) && w.visible() > visible {
			w.head = head
			return true, nil
		}
		pause(ctx, time.Millisecond)
	}
}

// untilHeadMoves waits, for a few seconds at most, until the head names another checkpoint.
func (w *watcher) untilHeadMoves(ctx context.Context) {
	deadline := time.Now().Add(3 * time.Second)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if w.checkpoint(w.readHead()) > w.checkpoint(w.head) {
			return
		}
		pause(ctx, 50*time.Microsecond)
	}
}

func (w *watcher) readHead() []byte {
	b, err := os.ReadFile(filepath.Join(w.state, "head"))
	if err != nil {
		return nil
	}
	return b
}

// checkpoint is the one that a head names.
func (w *watcher) checkpoint(head []byte) uint64 {
	_, body, ok := bytes.Cut(head, []byte("\n"))
	if !ok {
		return 0
	}
	var h struct {
		Checkpoint uint64 `json:"checkpoint"`
	}
	if json.Unmarshal(body, &h) != nil {
		return 0
	}
	return h.Checkpoint
}

// visible is the number of files that a reader of the output sees.
func (w *watcher) visible() int {
	n := 0
	_ = filepath.WalkDir(w.out, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, ".staging") {
			n++
		}
		return nil
	})
	return n
}

// uncommitted reports whether output that the head's checkpoint prepared is still staged: the kill fell between
// the advance of the head and the commit.
func (w *watcher) uncommitted() (bool, error) {
	if w.checkpoint(w.readHead()) <= w.checkpoint(w.head) {
		return false, nil
	}
	name, err := w.manifestName()
	if err != nil {
		return false, err
	}
	manifest, err := os.ReadFile(filepath.Join(w.state, filepath.FromSlash(name)))
	if err != nil {
		return false, err
	}
	staged := false
	err = filepath.WalkDir(w.out, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, ".staging") {
			staged = staged || bytes.Contains(manifestText(manifest), []byte(filepath.Base(path)))
		}
		return nil
	})
	return staged, err
}

func (w *watcher) manifestName() (string, error) {
	_, body, _ := bytes.Cut(w.readHead(), []byte("\n"))
	var h struct {
		Manifest string `json:"manifest"`
	}
	if err := json.Unmarshal(body, &h); err != nil {
		return "", fmt.Errorf("head: %w", err)
	}
	return h.Manifest, nil
}

// manifestText is a manifest with its committables decoded, to look for names in.
func manifestText(manifest []byte) []byte {
	_, body, _ := bytes.Cut(manifest, []byte("\n"))
	var m struct {
		Operators []struct {
			Subtasks []struct {
				Committables [][]byte `json:"committables"`
			} `json:"subtasks"`
		} `json:"operators"`
	}
	if json.Unmarshal(body, &m) != nil {
		return nil
	}
	var text []byte
	for _, o := range m.Operators {
		for _, s := range o.Subtasks {
			for _, c := range s.Committables {
				text = append(text, c...)
			}
		}
	}
	return text
}

// Lines returns the lines of all visible files below a directory, sorted.
func Lines(dir string) ([]string, error) {
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, ".staging") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			lines = append(lines, filepath.Base(filepath.Dir(path))+": "+strings.TrimSuffix(line, "\n"))
		}
		return nil
	})
	slices.Sort(lines)
	return lines, err
}
