package metric

import (
	"slices"
	"strconv"
	"strings"
)

// Type is how the values of a metric go.
type Type string

// The types of metrics, as Prometheus calls them.
const (
	// Counter only grows, until its owner begins anew: those of operators do with each restart of the job.
	Counter Type = "counter"
	// Gauge goes up and down.
	Gauge Type = "gauge"
	// Histogram are several samples: NAME_bucket with one more label le, NAME_sum and NAME_count.
	Histogram Type = "histogram"
)

// Metric describes one metric.
type Metric struct {
	// Name is one of the constants of this package.
	Name string
	Type Type
	// Labels are the names of the labels that each sample has.
	Labels []string
	// Help is one line.
	Help string
}

// Label is a name with a value.
type Label struct{ Name, Value string }

// Sample is one value of a metric. Its labels may be shared with other samples and must not be changed.
type Sample struct {
	Name   string
	Labels []Label
	Value  float64
}

// String is the identity of the sample as Prometheus writes it: name{label="value",…}.
func (s Sample) String() string {
	if len(s.Labels) == 0 {
		return s.Name
	}
	b := append([]byte(s.Name), '{')
	for i, l := range s.Labels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, l.Name...), `="`...)
		b = append(append(b, escaped.Replace(l.Value)...), '"')
	}
	return string(append(b, '}'))
}

// escaped are the characters that the text format of Prometheus wants escaped in the value of a label, and no others.
var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// has reports whether the sample has all of the labels.
func (s Sample) has(labels []Label) bool {
	for _, l := range labels {
		if !slices.Contains(s.Labels, l) {
			return false
		}
	}
	return true
}

// Sum adds up the samples of a name that have the labels given; zero if there are none.
func Sum(samples []Sample, name string, labels ...Label) (sum float64) {
	for _, s := range samples {
		if s.Name == name && s.has(labels) {
			sum += s.Value
		}
	}
	return sum
}

// Map returns the samples by their identities, for JSON.
func Map(samples []Sample) map[string]float64 {
	m := make(map[string]float64, len(samples))
	for _, s := range samples {
		m[s.String()] = s.Value
	}
	return m
}

// Buckets are the samples of a histogram: counts[i] are the observations up to bounds[i] and above the bound before,
// the last of counts those above all bounds; sum is that of all observations.
func Buckets(name string, labels []Label, bounds []float64, counts []int64, sum float64) []Sample {
	var all []Sample
	total := 0.0
	for i, n := range counts {
		le := "+Inf"
		if i < len(bounds) {
			le = strconv.FormatFloat(bounds[i], 'g', -1, 64)
		}
		total += float64(n)
		all = append(all, Sample{name + "_bucket", append(slices.Clip(labels), Label{"le", le}), total})
	}
	return append(all, Sample{name + "_sum", labels, sum}, Sample{name + "_count", labels, total})
}

// Of returns the metric that a sample is of. False means that there is no such metric, or that its labels are others.
func Of(s Sample) (Metric, bool) {
	for _, m := range All {
		suffix, ok := strings.CutPrefix(s.Name, m.Name)
		want := m.Labels
		switch {
		case !ok:
			continue
		case m.Type != Histogram:
			ok = suffix == ""
		case suffix == "_bucket":
			want = append(slices.Clip(want), "le")
		default:
			ok = suffix == "_sum" || suffix == "_count"
		}
		if ok {
			return m, slices.EqualFunc(s.Labels, want, func(l Label, name string) bool { return l.Name == name })
		}
	}
	return Metric{}, false
}
