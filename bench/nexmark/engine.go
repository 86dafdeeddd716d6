package nexmark

import (
	"context"
	"fmt"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/measure"
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
	var p printed
	if err := measure.Program(ctx, &p, name, args...); err != nil {
		return s, err
	}
	switch {
	case p.CPUS <= 0 || p.WallS <= 0:
		err = fmt.Errorf("no time was measured")
	case p.Restarts > 0:
		err = fmt.Errorf("it failed, and was restarted %d times", p.Restarts)
	}
	if err != nil {
		return s, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
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
