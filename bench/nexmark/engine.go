package nexmark

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/aquifer-stream/aquifer/internal/metric"
	queries "github.com/aquifer-stream/aquifer/nexmark"
)

// Sample is what one process said of its run of a query.
type Sample struct {
	Peer         bool    `json:"peer,omitempty"`
	Events       int64   `json:"events"`
	Rows         int64   `json:"rows"`
	WallS        float64 `json:"wall_s"`
	CPUS         float64 `json:"cpu_s"`
	PeakRSSBytes int64   `json:"peak_rss_bytes"`
	StateBytes   int64   `json:"state_bytes"`
	// ObjectRequests are those to the object store that the state is in; the peer does not tell.
	ObjectRequests int64 `json:"object_requests,omitempty"`
	// Latency is there when rows were timed.
	Latency *queries.Latency `json:"latency,omitempty"`
}

// printed is the line of JSON that either engine prints.
type printed struct {
	Sample
	PeakRSSMB int64              `json:"peak_rss_mb"` // of the peer
	Restarts  int                `json:"restarts"`
	Metrics   map[string]float64 `json:"metrics"`
}

// engine runs a program whose last line of output is about its run.
func engine(ctx context.Context, name string, args ...string) (s Sample, err error) {
	c := exec.CommandContext(ctx, name, args...)
	var out, log bytes.Buffer
	c.Stdout, c.Stderr, c.WaitDelay = &out, &log, 5*time.Second
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return s, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, log.Bytes())
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	var p printed
	err = json.Unmarshal(lines[len(lines)-1], &p)
	switch {
	case err != nil:
	case p.CPUS <= 0 || p.WallS <= 0:
		err = fmt.Errorf("no time was measured")
	case p.Restarts > 0:
		err = fmt.Errorf("it failed, and was restarted %d times", p.Restarts)
	}
	if err != nil {
		return s, fmt.Errorf("%s %s printed %q: %w", name, strings.Join(args, " "), lines[len(lines)-1], err)
	}
	p.PeakRSSBytes = max(p.PeakRSSBytes, p.PeakRSSMB<<20)
	p.ObjectRequests = requests(p.Metrics)
	return p.Sample, nil
}

// requests is the sum of those of all operations.
func requests(metrics map[string]float64) (n int64) {
	for name, value := range metrics {
		if strings.HasPrefix(name, metric.ObjectRequests+"{") {
			n += int64(value)
		}
	}
	return n
}
