package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/aquifer-stream/aquifer/nexmark"
)

// engineRun is what both engines print of a query.
type engineRun struct {
	Rate   float64 `json:"events_per_cpu_s"`
	Peak   int64   `json:"peak_rss_bytes"`
	PeakMB int64   `json:"peak_rss_mb"`
}

// peerMarks run every query on both engines alternately: the same events, parallelism 2, a checkpoint every ten
// seconds. The peer warms up first.
func peerMarks(ctx context.Context, o options, progress io.Writer) ([]mark, error) {
	if o.peer == "" {
		fmt.Fprintln(progress, "no -peer: the other engine is not measured")
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "speed")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "aquifer")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/aquifer").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	var marks []mark
	logs := 0.0
	for _, q := range nexmark.Names() {
		m, err := peerMark(ctx, o, progress, binary, dir, q)
		if err != nil {
			return nil, err
		}
		marks = append(marks, m)
		logs += math.Log(m.Value)
	}
	mean := math.Exp(logs / float64(len(marks)))
	all := atLeast("all queries against the peer", mean, 10, "× events per CPU-second", "geometric mean")
	return append(marks, all), nil
}

// peerMark compares one query.
func peerMark(ctx context.Context, o options, progress io.Writer, binary, dir, q string) (mark, error) {
	var ratios, ours, theirs []float64
	var peak, peerPeak int64
	events := fmt.Sprint(o.events)
	for round := range o.rounds {
		state := filepath.Join(dir, fmt.Sprintf("%s-%d", q, round))
		us, err := engine(ctx, binary, "nexmark", q, "--events", events, "--parallelism", "2",
			"--state", state, "--checkpoint-interval", "10s", "--json")
		if err != nil {
			return mark{}, err
		}
		them, err := engine(ctx, "bash", o.peer, "--query", q, "--events", events, "--warmup", "2000000",
			"--hash", "false", "--checkpoint-ms", "10000", "--parallelism", "2")
		if err != nil {
			return mark{}, err
		}
		if err := os.RemoveAll(state); err != nil {
			return mark{}, err
		}
		fmt.Fprintf(progress, "%d/%d %-4s %8.0f thousand events per CPU-second, the peer %6.0f\n",
			round+1, o.rounds, q, us.Rate/1e3, them.Rate/1e3)
		ratios, ours, theirs = append(ratios, us.Rate/them.Rate), append(ours, us.Rate), append(theirs, them.Rate)
		peak, peerPeak = max(peak, us.Peak), max(peerPeak, them.PeakMB<<20)
	}
	middle := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	return atLeast(q+" against the peer", middle(ratios), 5, "× events per CPU-second",
		fmt.Sprintf("%.2f M and %.3f M events per CPU-second, at most %d and %d MB",
			middle(ours)/1e6, middle(theirs)/1e6, peak>>20, peerPeak>>20)), nil
}

// engine runs a command whose last line of output is its figures.
func engine(ctx context.Context, name string, args ...string) (r engineRun, err error) {
	c := exec.CommandContext(ctx, name, args...)
	var log bytes.Buffer
	c.Stderr = &log
	text, err := c.Output()
	if err != nil {
		return r, fmt.Errorf("%s %v: %w\n%s", name, args, err, log.Bytes())
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &r); err != nil || r.Rate <= 0 {
		return r, fmt.Errorf("%s %v printed no figures: %q (%w)", name, args, text, err)
	}
	return r, nil
}
