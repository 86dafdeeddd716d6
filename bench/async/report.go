package async

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Report is what was measured. Fields of it and of what it is made of are added, never renamed.
type Report struct {
	Keys      int64   `json:"keys"`
	LatencyMS float64 `json:"latency_ms"`
	Rounds    int     `json:"rounds"`
	Rows      []Row   `json:"rows"`
	// Swing is how a load that swings was taken; nil if it was not measured.
	Swing *Swinging `json:"swing,omitempty"`
}

// Row compares two ways to do the same.
type Row struct {
	Group     string `json:"group"`
	Name      string `json:"name"`
	Measured  string `json:"measured"`
	Reference string `json:"reference"`
	// Ratio is the median of Ratios, those of the rounds: of the processor time of a record if Cost is set, else of
	// throughput; the measured one by the reference.
	Ratio  float64   `json:"ratio"`
	Ratios []float64 `json:"ratios"`
	Cost   bool      `json:"cost"`
	// Target is the least that the ratio should be, the most if Cost is set; 0 for none. OK says that it is met.
	Target float64 `json:"target,omitempty"`
	OK     bool    `json:"ok"`
	// A are the figures of the measured one, B those of the reference.
	A Figures `json:"a"`
	B Figures `json:"b"`
	// OfBound is the throughput of the measured one by what so many readers could read in that time; 0 where nothing
	// bounds it.
	OfBound float64 `json:"of_bound,omitempty"`
	// ParkNS is the processor time, in nanoseconds, that it takes to put a record aside and to go on with it, without
	// the read; 0 where that is not measured. There the target is for it.
	ParkNS float64 `json:"park_ns,omitempty"`
}

// Figures are medians over the rounds.
type Figures struct {
	Records     int64   `json:"records"`
	RecordsPerS float64 `json:"records_per_s"`
	// CPUNS is the processor time of a record in nanoseconds, Cores how many processors were busy.
	CPUNS float64 `json:"cpu_ns"`
	Cores float64 `json:"cores"`
	// ReadsPerRecord are those that reach the object store.
	ReadsPerRecord float64 `json:"reads_per_record"`
	// InFlight is how many rows had come and were not done, at most; 0 where that is not known.
	InFlight int64 `json:"in_flight"`
}

// judge says whether the target is met.
func (r *Row) judge() {
	switch {
	case r.ParkNS != 0:
		r.OK = r.ParkNS <= r.Target
	case r.Cost:
		r.OK = r.Target == 0 || r.Ratio <= r.Target
	default:
		r.OK = r.Ratio >= r.Target
	}
}

// verdict is what a person reads about the target.
func (r Row) verdict() string {
	target := fmt.Sprintf("≥ %g", r.Target)
	switch {
	case r.Target == 0:
		return "-"
	case r.ParkNS != 0:
		target = fmt.Sprintf("%.0f ≤ %g ns", r.ParkNS, r.Target)
	case r.Cost:
		target = fmt.Sprintf("≤ %g", r.Target)
	}
	if r.OK {
		return target + ": met"
	}
	return target + ": MISSED"
}

var columns = []string{
	"", "measured", "against", "ratio", "of", "target", "records/s", "against", "CPU µs", "against", "cores", "reads/record",
	"of bound", "in flight",
}

// Print shows the report to a person.
func (r Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%d keys; reads of objects take %g ms; medians of %d\n\n", r.Keys, r.LatencyMS, r.Rounds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(columns, "\t")+"\t")
	for _, x := range r.Rows {
		fmt.Fprintln(t, strings.Join(x.fields(), "\t")+"\t")
	}
	_ = t.Flush()
	if r.Swing != nil {
		r.Swing.print(w)
	}
}

func (r Row) fields() []string {
	of, bound := "throughput", "-"
	if r.Cost {
		of = "CPU"
	}
	if r.OfBound > 0 {
		bound = fmt.Sprintf("%.2f", r.OfBound)
	}
	number := func(format string, v float64) string { return fmt.Sprintf(format, v) }
	return []string{
		r.Name, r.Measured, r.Reference, number("%.3g", r.Ratio), of, r.verdict(),
		number("%.0f", r.A.RecordsPerS), number("%.0f", r.B.RecordsPerS),
		number("%.3f", r.A.CPUNS/1e3), number("%.3f", r.B.CPUNS/1e3), number("%.2f", r.A.Cores),
		number("%.2f", r.A.ReadsPerRecord), bound, fmt.Sprint(r.A.InFlight),
	}
}
