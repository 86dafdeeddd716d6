package logbook

import (
	"log/slog"
	"time"

	"github.com/aquifer-stream/aquifer/internal/metric"
)

// difference is what the numbers of a run say of a time.
type difference struct {
	before, after []metric.Sample
	took          time.Duration
}

// of is by how much the samples of a name that have the labels have grown.
func (d difference) of(name string, labels ...metric.Label) int64 {
	return int64(metric.Sum(d.after, name, labels...) - metric.Sum(d.before, name, labels...))
}

// is what the samples of a name add up to at the end.
func (d difference) is(name string) int64 { return int64(metric.Sum(d.after, name)) }

// summaries are the records of what the state of the job has done; none for what it has not.
func (d difference) summaries() (records []Record) {
	if n := d.of(metric.StateEvictions); n > 0 {
		records = append(records, record(slog.LevelInfo, "state evicted", seconds("seconds", d.took),
			slog.Int64("keys", n), slog.Int64("memory_bytes", d.is(metric.StateMemory)),
			slog.Int64("limit_bytes", d.is(metric.MemoryLimit))))
	}
	if n := d.of(metric.BlockMisses); n > 0 {
		records = append(records, record(slog.LevelInfo, "block cache missed", seconds("seconds", d.took),
			slog.Int64("misses", n), slog.Int64("hits", d.of(metric.BlockHits))))
	}
	if n := d.of(metric.Compactions); n > 0 {
		records = append(records, record(slog.LevelInfo, "tables compacted", seconds("seconds", d.took),
			slog.Int64("compactions", n), slog.Int64("read_bytes", d.of(metric.CompactionRead)),
			slog.Int64("written_bytes", d.of(metric.CompactionWritten)), slog.Int64("tables", d.is(metric.TableCount)),
			slog.Int64("tables_bytes", d.is(metric.TableBytes))))
	}
	return records
}

// store are the records of how the object store answers. It is away when some requests failed and none succeeded, and
// back when one does.
func (l *Logbook) store(d difference) []Record {
	failed, requests := d.of(metric.ObjectErrors), d.of(metric.ObjectRequests)
	answered := requests - failed
	for _, operation := range []string{"create", "write"} { // a store may only note them, until the object is finished
		label := metric.Label{Name: "operation", Value: operation}
		answered -= d.of(metric.ObjectRequests, label) - d.of(metric.ObjectErrors, label)
	}
	switch {
	case l.away && answered > 0:
		l.away = false
		return []Record{record(slog.LevelInfo, "object store back", seconds("away_seconds", l.elapsed-l.since),
			slog.Int64("failed", failed), slog.Int64("requests", requests))}
	case l.away || failed == 0:
		return nil
	case answered > 0:
		return []Record{record(slog.LevelWarn, "object store requests failed", seconds("seconds", d.took),
			slog.Int64("failed", failed), slog.Int64("requests", requests))}
	}
	l.away, l.since = true, l.told
	return []Record{record(slog.LevelWarn, "object store unreachable", seconds("seconds", d.took),
		slog.Int64("failed", failed))}
}
