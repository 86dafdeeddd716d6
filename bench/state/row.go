package state

import (
	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Report is what was measured. Fields of it and of Row are added, never renamed.
type Report struct {
	Keys int64 `json:"keys"`
	// StateBytes is the memory that the state takes when there is enough.
	StateBytes int64 `json:"state_bytes"`
	// LatencyMS is what a read of an object takes at least, in milliseconds.
	LatencyMS float64 `json:"latency_ms"`
	Rows      []Row   `json:"rows"`
	// TableBytes is the size of the state in the object store, CacheFraction what part of that a disk cache may have.
	TableBytes    int64   `json:"table_bytes"`
	CacheFraction float64 `json:"cache_fraction"`
	// CompactionRatio is the p99 of waits for state beside compactions, by that without; 0 if that was not
	// measured. CompactionOK says that it is at most 2.
	CompactionRatio float64 `json:"compaction_p99_ratio"`
	CompactionOK    bool    `json:"compaction_ok"`
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
	// ObjectReads are the reads of tables for keys, for each record, from the disk cache too; ObjectBytes the bytes
	// read for each record from the object store, by compactions too.
	ObjectReads float64 `json:"object_reads_per_record"`
	ObjectBytes float64 `json:"object_bytes_per_record"`

	// Variant is one of the constants; empty for Pebble. DiskBytes is the size that the disk cache may have.
	Variant   string `json:"variant,omitempty"`
	DiskBytes int64  `json:"disk_cache_bytes"`
	// StoreReads are the reads, for records, that have reached the object store, for each record; CompactionReads
	// those for compactions; DiskHits the reads that the disk cache has answered.
	StoreReads      float64 `json:"store_reads_per_record"`
	CompactionReads float64 `json:"compaction_reads_per_record"`
	DiskHits        float64 `json:"disk_hits_per_record"`
	// Waits are how many times the job has waited for state, a batch at a time. WaitP50MS and WaitP99MS are
	// quantiles of these times, interpolated within the buckets of a histogram but no longer than WaitMaxMS, the
	// longest one since the job was started; all in milliseconds.
	Waits     int64   `json:"waits"`
	WaitP50MS float64 `json:"wait_p50_ms"`
	WaitP99MS float64 `json:"wait_p99_ms"`
	WaitMaxMS float64 `json:"wait_max_ms"`
	// OfMemory is RecordsPerS by that of the job with all state in memory.
	OfMemory float64 `json:"of_memory"`
	// Compactions have ended meanwhile, and have written CompactionBytes; L0Depth tables lay one above the other,
	// not merged, at the end.
	Compactions     int64 `json:"compactions"`
	CompactionBytes int64 `json:"compaction_written_bytes"`
	L0Depth         int64 `json:"l0_depth"`
}

func newRow(engine string, c cell, o Options, took measure.Spent) Row {
	n := float64(c.records(o))
	return Row{
		Engine: engine, Variant: c.variant, Distribution: c.distribution, Ratio: c.ratio,
		MemoryBytes: c.memory, DiskBytes: c.disk, Records: c.records(o),
		Seconds: took.Wall.Seconds(), RecordsPerS: n / took.Wall.Seconds(),
		CPUS: took.CPU.Seconds(), RecordsPerCPUS: n / took.CPU.Seconds(),
	}
}

// rowOf is the row of a job, from what was counted before and after.
func rowOf(c cell, o Options, took measure.Spent, before, after moment) Row {
	grown := func(name string, labels ...metric.Label) float64 {
		return metric.Sum(after.samples, name, labels...) - metric.Sum(before.samples, name, labels...)
	}
	tier := func(name string) metric.Label { return metric.Label{Name: "tier", Value: name} }
	r, n := newRow("aquifer", c, o, took), float64(c.records(o))
	r.BlockCacheBytes = int64(metric.Sum(after.samples, metric.BlockLimit))
	r.HotHitRate = grown(metric.StateHits, tier(metric.Hot)) / n
	cached, cold := grown(metric.StateHits, tier(metric.Cache)), grown(metric.StateHits, tier(metric.Store))
	r.CacheHitRate = share(cached, cold)
	r.ColdPer1000 = 1000 * cold / n
	r.ObjectReads = grown(metric.StateRequests) / n
	r.ObjectBytes = grown(metric.ObjectReadBytes) / n
	read := func(p objstore.Purpose) float64 { return float64(after.reads[p]-before.reads[p]) / n }
	r.StoreReads, r.CompactionReads = read(objstore.Record), read(objstore.Compaction)
	r.DiskHits = grown(metric.DiskHits) / n
	r.Compactions, r.CompactionBytes = int64(grown(metric.Compactions)), int64(grown(metric.CompactionWritten))
	r.L0Depth = int64(metric.Sum(after.samples, metric.L0Depth))
	r.wait(before.samples, after.samples)
	return r
}

// wait fills in how long the job has waited for state.
func (r *Row) wait(before, after []aquifer.Sample) {
	all := waits(before, after)
	if len(all) > 0 {
		r.Waits = int64(all[len(all)-1].upTo)
	}
	for _, s := range after {
		if s.Name == metric.StateWaitMax {
			r.WaitMaxMS = max(r.WaitMaxMS, 1000*s.Value)
		}
	}
	r.WaitP50MS = min(1000*quantile(all, 0.5), r.WaitMaxMS)
	r.WaitP99MS = min(1000*quantile(all, 0.99), r.WaitMaxMS)
}

// share is the part that hits are of all; 0 if there are none.
func share(hits, misses float64) float64 {
	if hits+misses == 0 {
		return 0
	}
	return hits / (hits + misses)
}
