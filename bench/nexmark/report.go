package nexmark

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// What a query should be faster than the peer, in events per second of processor time: each, and all in their geometric
// mean.
const (
	leastRatio = 5
	leastMean  = 10
)

// What memory it should take at most: so many times the raw state, which is what the peer's checkpoint has, and what a
// process takes without any.
const (
	mostMemory  = 3
	plainMemory = 300e6
)

// Report is what was measured. Fields of it and of what it is made of are added, never renamed.
type Report struct {
	Begun       time.Time `json:"begun"`
	Machine     string    `json:"machine"`
	Events      int64     `json:"events"`
	Rounds      int       `json:"rounds"`
	Parallelism int       `json:"parallelism"`
	IntervalS   float64   `json:"checkpoint_interval_s"`
	Rows        []Row     `json:"rows"`
	// MeanPeerRatio and MeanBaselineRatio are geometric means of the rows that have such a ratio.
	MeanPeerRatio     float64 `json:"mean_peer_ratio,omitempty"`
	MeanBaselineRatio float64 `json:"mean_baseline_ratio,omitempty"`
	// Goals are there when there was a peer.
	Goals []measure.Goal `json:"goals,omitempty"`
}

// add adds a row and judges all of them anew.
func (r *Report) add(row Row) {
	r.Rows = append(r.Rows, row)
	var peer, baseline []float64
	r.Goals = nil
	for _, x := range r.Rows {
		if x.Peer != nil {
			peer = append(peer, x.PeerRatio)
			r.Goals = append(r.Goals, measure.AtLeast(x.Query, "times the peer", x.PeerRatio, leastRatio), x.frugality())
		}
		if x.BaselineRatio > 0 {
			baseline = append(baseline, x.BaselineRatio)
		}
	}
	r.MeanPeerRatio, r.MeanBaselineRatio = geometric(peer), geometric(baseline)
	if len(peer) > 0 {
		goal := measure.AtLeast("all", "times the peer in geometric mean", r.MeanPeerRatio, leastMean)
		r.Goals = append(r.Goals, goal)
	}
}

// frugality is the goal for memory of a query that the peer has run too.
func (r *Row) frugality() measure.Goal {
	most := mostMemory*float64(r.Peer.StateBytes) + plainMemory
	return measure.AtMost(r.Query, "MB of memory at the peak", float64(r.PeakRSSBytes)/1e6, most/1e6)
}

// geometric is the geometric mean, zero of none and of any zero.
func geometric(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	logs := 0.0
	for _, x := range all {
		logs += math.Log(x)
	}
	return math.Exp(logs / float64(len(all)))
}

// Print shows the report to a person.
func (r Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "query\tevents/s\tper CPU-s\tpeak MiB\tstate MiB\trequests\tp50 ms\tp99 ms\t"+
		"peer per CPU-s\tpeer MiB\tits state\t× peer\t× baseline\t")
	for _, x := range r.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.0f\t%.1f\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n",
			x.Query, count(x.EventsPerS), count(x.EventsPerCPUS), mib(x.PeakRSSBytes), mib(x.StateBytes), x.ObjectRequests,
			x.Latency.cell(func(t *Timed) float64 { return t.P50MS }),
			x.Latency.cell(func(t *Timed) float64 { return t.P99MS }),
			x.Peer.cell(func(e *Engine) string { return count(e.EventsPerCPUS) }),
			x.Peer.cell(func(e *Engine) string { return fmt.Sprintf("%.0f", mib(e.PeakRSSBytes)) }),
			x.Peer.cell(func(e *Engine) string { return fmt.Sprintf("%.1f", mib(e.StateBytes)) }),
			times(x.PeerRatio), times(x.BaselineRatio))
	}
	_ = t.Flush()
	fmt.Fprintf(w, "\n%d events, of which those of the second half were measured; parallelism %d; a checkpoint every %g s; "+
		"medians of %d; %s\n", r.Events, r.Parallelism, r.IntervalS, r.Rounds, r.Machine)
	r.printGoals(w)
	if r.MeanBaselineRatio > 0 {
		fmt.Fprintf(w, "%.3g times the baseline in geometric mean\n", r.MeanBaselineRatio)
	}
}

// printGoals prints a line for all queries, and one for each that misses its goal.
func (r Report) printGoals(w io.Writer) {
	for _, g := range r.Goals {
		if g.Part == "all" || !g.OK {
			fmt.Fprintf(w, "%s: %.3g %s %s\n", g.Part, g.Value, g.What, g.Verdict())
		}
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// unknown stands where nothing could be told.
const unknown = "-"

// count is a number of events as people read it.
func count(x float64) string {
	switch {
	case x <= 0:
		return unknown
	case x < 1e3:
		return fmt.Sprintf("%.0f", x)
	case x < 1e5:
		return fmt.Sprintf("%.1f k", x/1e3)
	case x < 1e6:
		return fmt.Sprintf("%.0f k", x/1e3)
	}
	return fmt.Sprintf("%.2f M", x/1e6)
}

func times(ratio float64) string {
	if ratio <= 0 {
		return unknown
	}
	return fmt.Sprintf("%.3g", ratio)
}

// cell shows a duration in milliseconds.
func (t *Timed) cell(of func(*Timed) float64) string {
	if t == nil {
		return unknown
	}
	return fmt.Sprintf("%.3g", of(t))
}

// cell shows something of an engine, if there is one.
func (e *Engine) cell(of func(*Engine) string) string {
	if e == nil {
		return unknown
	}
	return of(e)
}
