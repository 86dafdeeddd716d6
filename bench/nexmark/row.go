package nexmark

import (
	"fmt"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// Speed is how fast an engine was. What could not be told is zero: two runs that took about the same say nothing of
// the events that one had more.
type Speed struct {
	EventsPerS    float64 `json:"events_per_s"`
	EventsPerCPUS float64 `json:"events_per_cpu_s"`
}

// Engine is the other engine's part of a row.
type Engine struct {
	Speed
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	StateBytes   int64 `json:"state_bytes"`
}

// Row is what was measured of one query. Speeds and ratios are medians, memory and state the largest of all runs.
type Row struct {
	Query string `json:"query"`
	Title string `json:"title"`
	Speed
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	StateBytes   int64 `json:"state_bytes"`
	// ObjectRequests are those to the object store in a run with all events, at most.
	ObjectRequests int64  `json:"object_requests"`
	Latency        *Timed `json:"latency,omitempty"`
	// Peer is the other engine, nil if there is none or it does not have the query. PeerRatio is events per second of
	// processor time by those of the peer.
	Peer      *Engine `json:"peer,omitempty"`
	PeerRatio float64 `json:"peer_ratio,omitempty"`
	// BaselineRatio is events per second of processor time by those of the earlier report, zero if it has none.
	BaselineRatio float64 `json:"baseline_ratio,omitempty"`
	// Runs are those that the row was computed of, in their order.
	Runs []Sample `json:"runs"`
}

// slope is how fast the events were that one run has and the other has not.
func slope(half, full Sample) Speed {
	more := float64(full.Events - half.Events)
	per := func(s float64) float64 {
		if s <= 0 {
			return 0
		}
		return more / s
	}
	return Speed{per(full.WallS - half.WallS), per(full.CPUS - half.CPUS)}
}

// slopes are those of all rounds of one engine.
func slopes(runs []Sample, peer bool) (all []Speed) {
	var of []Sample
	for _, s := range runs {
		if s.Peer == peer {
			of = append(of, s)
		}
	}
	for i := 1; i < len(of); i += 2 {
		all = append(all, slope(of[i-1], of[i]))
	}
	return all
}

// evaluate computes all that follows from the runs.
func (r *Row) evaluate() {
	ours, theirs := slopes(r.Runs, false), slopes(r.Runs, true)
	r.Speed = medianSpeed(ours)
	if len(theirs) > 0 {
		r.Peer = &Engine{Speed: medianSpeed(theirs)}
		r.PeerRatio = medianRatio(ours, theirs)
	}
	for _, s := range r.Runs {
		if s.Peer {
			r.Peer.PeakRSSBytes = max(r.Peer.PeakRSSBytes, s.PeakRSSBytes)
			r.Peer.StateBytes = max(r.Peer.StateBytes, s.StateBytes)
			continue
		}
		r.PeakRSSBytes = max(r.PeakRSSBytes, s.PeakRSSBytes)
		r.StateBytes = max(r.StateBytes, s.StateBytes)
		r.ObjectRequests = max(r.ObjectRequests, s.ObjectRequests)
	}
}

// medianSpeed is that of the rounds in which there is one.
func medianSpeed(all []Speed) Speed {
	var wall, cpu []float64
	for _, s := range all {
		if s.EventsPerS > 0 {
			wall = append(wall, s.EventsPerS)
		}
		if s.EventsPerCPUS > 0 {
			cpu = append(cpu, s.EventsPerCPUS)
		}
	}
	return Speed{measure.Median(wall), measure.Median(cpu)}
}

// medianRatio is that of the rounds in which both are known.
func medianRatio(ours, theirs []Speed) float64 {
	var all []float64
	for i := range ours {
		if a, b := ours[i].EventsPerCPUS, theirs[i].EventsPerCPUS; a > 0 && b > 0 {
			all = append(all, a/b)
		}
	}
	return measure.Median(all)
}

// compare holds the row against an earlier one of its query.
func (r *Row) compare(earlier map[string]Row) {
	if before := earlier[r.Query].EventsPerCPUS; before > 0 {
		r.BaselineRatio = r.EventsPerCPUS / before
	}
}

// line is what a person hears of the row as soon as it is there.
func (r *Row) line() string {
	text := fmt.Sprintf("%s: %s events/s, %s per second of CPU", r.Query, count(r.EventsPerS), count(r.EventsPerCPUS))
	if r.Peer != nil {
		text += ", " + times(r.PeerRatio) + " times the peer"
	}
	return text
}
