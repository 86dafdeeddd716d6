package state

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/metric"
)

// Report is what was measured. Fields of it and of Row are added, never renamed.
type Report struct {
	Keys int64 `json:"keys"`
	// StateBytes is the memory that the state takes when there is enough.
	StateBytes int64 `json:"state_bytes"`
	// LatencyMS is what a read of an object takes at least, in milliseconds.
	LatencyMS float64 `json:"latency_ms"`
	Rows      []Row   `json:"rows"`
}

// Row is one measurement.
type Row struct {
	// Engine is aquifer or pebble, Distribution that of the keys.
	Engine       string `json:"engine"`
	Distribution string `json:"distribution"`
	// Ratio is how many times MemoryBytes, the bound on the process, the state is. BlockCacheBytes is the part of it that
	// blocks had at the end. Pebble has all of MemoryBytes for blocks alone.
	Ratio           float64 `json:"ratio"`
	MemoryBytes     int64   `json:"memory_bytes"`
	BlockCacheBytes int64   `json:"block_cache_bytes"`
	Records         int64   `json:"records"`
	Seconds         float64 `json:"seconds"`
	RecordsPerS     float64 `json:"records_per_s"`
	CPUS            float64 `json:"cpu_s"`
	RecordsPerCPUS  float64 `json:"records_per_cpu_s"`
	// HotHitRate is the share of records whose key was in the hot tables; Pebble has none.
	HotHitRate float64 `json:"hot_hit_rate"`
	// CacheHitRate is the share of what was not in the hot tables that needed no object. Of Pebble, it is the share of
	// blocks that were in its cache.
	CacheHitRate float64 `json:"cache_hit_rate"`
	// ColdPer1000 are the records of a thousand that waited for an object; of Pebble, the blocks read.
	ColdPer1000 float64 `json:"cold_per_1000"`
	// ObjectReads are the requests for keys, for each record; ObjectBytes the bytes read for each record, by
	// compactions too.
	ObjectReads float64 `json:"object_reads_per_record"`
	ObjectBytes float64 `json:"object_bytes_per_record"`
}

// cell is what is measured in a row.
type cell struct {
	distribution string
	ratio        float64
	memory       int64 // bytes
}

func newRow(engine string, c cell, o Options, took spent) Row {
	n := float64(o.Records)
	return Row{
		Engine: engine, Distribution: c.distribution, Ratio: c.ratio, MemoryBytes: c.memory, Records: o.Records,
		Seconds: took.wall.Seconds(), RecordsPerS: n / took.wall.Seconds(),
		CPUS: took.cpu.Seconds(), RecordsPerCPUS: n / took.cpu.Seconds(),
	}
}

// rowOf is the row of a job, from its metrics before and after.
func rowOf(c cell, o Options, took spent, before, after []aquifer.Sample) Row {
	grown := func(name string, labels ...metric.Label) float64 {
		return metric.Sum(after, name, labels...) - metric.Sum(before, name, labels...)
	}
	tier := func(name string) metric.Label { return metric.Label{Name: "tier", Value: name} }
	r, n := newRow("aquifer", c, o, took), float64(o.Records)
	r.BlockCacheBytes = int64(metric.Sum(after, metric.BlockLimit))
	r.HotHitRate = grown(metric.StateHits, tier(metric.Hot)) / n
	cached, cold := grown(metric.StateHits, tier(metric.Cache)), grown(metric.StateHits, tier(metric.Store))
	r.CacheHitRate = share(cached, cold)
	r.ColdPer1000 = 1000 * cold / n
	r.ObjectReads = grown(metric.StateRequests) / n
	r.ObjectBytes = grown(metric.ObjectReadBytes) / n
	return r
}

// share is the part that hits are of all; 0 if there are none.
func share(hits, misses float64) float64 {
	if hits+misses == 0 {
		return 0
	}
	return hits / (hits + misses)
}

// Print shows the report to a person.
func (r Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%d keys, %.1f MiB of state; reads of objects take %g ms\n\n",
		r.Keys, mib(r.StateBytes), r.LatencyMS)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "keys\tstate ÷ memory\tMiB\tengine\trecords/s\tper CPU-s\thot\tcache\tcold/1000\treads/record\t")
	for _, x := range r.Rows {
		hot, reads := fmt.Sprintf("%.1f %%", 100*x.HotHitRate), fmt.Sprintf("%.3f", x.ObjectReads)
		if x.Engine == pebbleEngine {
			hot, reads = "-", "-"
		}
		fmt.Fprintf(t, "%s\t%g\t%.1f\t%s\t%.0f\t%.0f\t%s\t%.1f %%\t%.1f\t%s\t\n",
			x.Distribution, x.Ratio, mib(x.MemoryBytes), x.Engine, x.RecordsPerS, x.RecordsPerCPUS,
			hot, 100*x.CacheHitRate, x.ColdPer1000, reads)
	}
	_ = t.Flush()
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
