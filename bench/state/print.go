package state

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

var columns = []string{
	"keys", "state ÷ memory", "MiB", "engine", "records/s", "of memory", "per CPU-s", "hot", "cache", "cold/1000",
	"reads/record", "disk/record", "store/record", "wait p50 ms", "p99 ms",
}

// Print shows the report to a person.
func (r Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%d keys, %.1f MiB of state, %.1f MiB in tables; reads of objects take %g ms\n\n",
		r.Keys, mib(r.StateBytes), mib(r.TableBytes), r.LatencyMS)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, strings.Join(columns, "\t")+"\t")
	for _, x := range r.Rows {
		fmt.Fprintln(t, strings.Join(x.fields(), "\t")+"\t")
	}
	_ = t.Flush()
	if r.CompactionRatio > 0 {
		verdict := "too much"
		if r.CompactionOK {
			verdict = "met"
		}
		fmt.Fprintf(w, "\np99 of a wait for state beside compactions: %.2f times that without; at most %d: %s\n",
			r.CompactionRatio, mostRatio, verdict)
	}
}

// fields are what the table says of a row.
func (x Row) fields() []string {
	ratio, memory := fmt.Sprintf("%g", x.Ratio), fmt.Sprintf("%.1f", mib(x.MemoryBytes))
	if x.Variant == InMemory {
		ratio, memory = "-", "-"
	}
	first := []string{
		x.Distribution, ratio, memory, strings.TrimSpace(x.Engine + " " + x.Variant), fmt.Sprintf("%.0f", x.RecordsPerS),
		fmt.Sprintf("%.3f", x.OfMemory), fmt.Sprintf("%.0f", x.RecordsPerCPUS),
	}
	cache, cold := fmt.Sprintf("%.1f %%", 100*x.CacheHitRate), fmt.Sprintf("%.1f", x.ColdPer1000)
	if x.Engine == pebbleEngine {
		return append(first, "-", cache, cold, "-", "-", "-", "-", "-")
	}
	return append(first, fmt.Sprintf("%.1f %%", 100*x.HotHitRate), cache, cold,
		fmt.Sprintf("%.3f", x.ObjectReads), fmt.Sprintf("%.3f", x.DiskHits), fmt.Sprintf("%.3f", x.StoreReads),
		fmt.Sprintf("%.2f", x.WaitP50MS), fmt.Sprintf("%.2f", x.WaitP99MS))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
