package scrape

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/metric"
)

// two samples, or histograms, of each metric.
func two() (all []metric.Sample) {
	for i, m := range metric.All {
		for second := range 2 {
			var labels []metric.Label
			for _, name := range m.Labels {
				labels = append(labels, metric.Label{Name: name, Value: fmt.Sprint(name, second)})
			}
			value := float64(10*i + second)
			switch {
			case len(labels) == 0 && second > 0:
			case m.Type == metric.Histogram:
				all = append(all, metric.Buckets(m.Name, labels, []float64{0.5, 2}, []int64{3, 0, int64(i)}, value)...)
			default:
				all = append(all, metric.Sample{Name: m.Name, Labels: labels, Value: value})
			}
		}
	}
	return all
}

func TestEverySampleIsServedWithItsTypeAndHelp(t *testing.T) {
	s := served(t, Config{Address: loopback})
	s.Tell(two())
	served := families(t, s)
	for _, m := range metric.All {
		f := served[m.Name]
		if f == nil || !strings.EqualFold(f.GetType().String(), string(m.Type)) || f.GetHelp() != m.Help {
			t.Errorf("%s: %v", m.Name, f)
		}
	}
	lines := ask(t, http.MethodGet, s.URL(), "").body
	for _, sample := range two() {
		if want := fmt.Sprintf("\n%s %g\n", sample, sample.Value); !strings.Contains(lines, want) {
			t.Errorf("there is no line %q", want)
		}
	}
}

func TestTheProcessIsMeasuredToo(t *testing.T) {
	served := families(t, served(t, Config{Address: loopback}))
	for _, name := range []string{
		"go_goroutines", "go_memstats_heap_alloc_bytes", "go_gc_duration_seconds", "process_cpu_seconds_total",
		"process_resident_memory_bytes", "process_start_time_seconds",
	} {
		if served[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range served {
		if strings.HasPrefix(name, "aquifer_") {
			t.Errorf("%s was not told", name)
		}
	}
}

// A uid is any string that users like.
func TestLabelsOfAnyKindAreServed(t *testing.T) {
	s := served(t, Config{Address: loopback})
	uids := []string{"", "a b", `quote " and \`, "line\nbreak", "größer", "bad\xffbyte"}
	var samples []metric.Sample
	for _, uid := range uids {
		labels := []metric.Label{{Name: "operator", Value: uid}, {Name: "subtask", Value: "0"}}
		samples = append(samples, metric.Sample{Name: metric.RowsIn, Labels: labels, Value: 1})
	}
	s.Tell(samples)
	got := map[string]bool{}
	for _, m := range families(t, s)[metric.RowsIn].Metric {
		got[m.Label[0].GetValue()] = true
	}
	for _, uid := range uids {
		if !got[strings.ToValidUTF8(uid, "\uFFFD")] {
			t.Errorf("%q is missing in %v", uid, got)
		}
	}
}

// One sample that is wrong must not take the others along.
func TestSamplesThatCannotBeServedAreLeftOut(t *testing.T) {
	s := served(t, Config{Address: loopback})
	labels := []metric.Label{{Name: "operation", Value: "read"}}
	s.Tell([]metric.Sample{
		{Name: "aquifer_nothing", Value: 1},
		{Name: metric.RowsIn, Value: 1}, // without its labels
		{Name: metric.Restarts, Value: 7},
		{Name: metric.MemoryLimit, Value: 1}, {Name: metric.MemoryLimit, Value: 2},
		{Name: metric.CheckpointBytes, Value: math.NaN()},
		{Name: metric.ObjectRequests, Labels: labels, Value: 3},
	})
	served := families(t, s)
	if served["aquifer_nothing"] != nil || served[metric.RowsIn] != nil {
		t.Error("it serves what is of no metric")
	}
	if served[metric.Restarts].Metric[0].Counter.GetValue() != 7 || served[metric.ObjectRequests] == nil ||
		len(served[metric.MemoryLimit].Metric) != 1 {
		t.Errorf("%v", served)
	}
}
