package scrape

import (
	"math"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aquifer-stream/aquifer/internal/metric"
)

// descriptions are those of all metrics, by name.
var descriptions = func() map[string]*prometheus.Desc {
	all := map[string]*prometheus.Desc{}
	for _, m := range metric.All {
		all[m.Name] = prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)
	}
	return all
}()

// collector gives Prometheus' library the samples that were told last.
type collector struct{ samples func() []metric.Sample }

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	histograms := map[string]*histogram{}
	for _, s := range c.samples() {
		m, ok := metric.Of(s)
		switch {
		case !ok:
			continue // it has no type and no help; a test of the library finds it
		case m.Type == metric.Histogram:
			h := histogramOf(histograms, m, s)
			h.take(strings.TrimPrefix(s.Name, m.Name), s)
		case m.Type == metric.Counter:
			out <- constant(m, prometheus.CounterValue, s)
		default:
			out <- constant(m, prometheus.GaugeValue, s)
		}
	}
	for _, h := range histograms {
		out <- h.constant()
	}
}

func constant(m metric.Metric, t prometheus.ValueType, s metric.Sample) prometheus.Metric {
	d := descriptions[m.Name]
	made, err := prometheus.NewConstMetric(d, t, s.Value, values(s.Labels)...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return made
}

// values are those of labels. A uid may be any string, the text format has UTF-8 only.
func values(labels []metric.Label) []string {
	all := make([]string, len(labels))
	for i, l := range labels {
		all[i] = strings.ToValidUTF8(l.Value, "\uFFFD")
	}
	return all
}

// histogram is put together from its samples.
type histogram struct {
	metric  metric.Metric
	labels  []metric.Label
	sum     float64
	count   uint64
	buckets map[float64]uint64
}

// histogramOf is the histogram that a sample belongs to: that with the same labels, but for le.
func histogramOf(all map[string]*histogram, m metric.Metric, s metric.Sample) *histogram {
	labels := s.Labels[:len(m.Labels)]
	id := metric.Sample{Name: m.Name, Labels: labels}.String()
	if all[id] == nil {
		all[id] = &histogram{metric: m, labels: labels, buckets: map[float64]uint64{}}
	}
	return all[id]
}

func (h *histogram) take(suffix string, s metric.Sample) {
	switch suffix {
	case "_sum":
		h.sum = s.Value
	case "_count":
		h.count = uint64(s.Value)
	default:
		bound, err := strconv.ParseFloat(s.Labels[len(s.Labels)-1].Value, 64)
		if err == nil && !math.IsInf(bound, 1) { // that of +Inf is the count
			h.buckets[bound] = uint64(s.Value)
		}
	}
}

func (h *histogram) constant() prometheus.Metric {
	d := descriptions[h.metric.Name]
	made, err := prometheus.NewConstHistogram(d, h.count, h.sum, h.buckets, values(h.labels)...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return made
}
