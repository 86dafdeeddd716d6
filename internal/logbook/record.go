package logbook

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aquifer-stream/aquifer/internal/coordinator"
)

// Record is a line of a logbook.
type Record struct {
	Level   slog.Level
	Message string
	Attrs   []slog.Attr
}

func record(level slog.Level, message string, attrs ...slog.Attr) Record {
	return Record{level, message, attrs}
}

// Write gives records to a logger, in their order.
func Write(log *slog.Logger, records []Record) {
	for _, r := range records {
		log.LogAttrs(context.Background(), r.Level, r.Message, r.Attrs...)
	}
}

// Of is the record of an event; false means that the event has none by itself.
func Of(e coordinator.Event) (Record, bool) {
	switch e := e.(type) {
	case coordinator.Resumed:
		return record(slog.LevelInfo, "resumed", checkpoint(e.Checkpoint), slog.Time("taken", e.Taken)), true
	case coordinator.Started:
		return record(slog.LevelInfo, "tasks started", slog.Int("attempt", e.Attempt), checkpoint(e.Checkpoint),
			seconds("restore_seconds", e.Took)), true
	case coordinator.SourcesEnded:
		return record(slog.LevelInfo, "sources ended"), true
	case coordinator.CheckpointStored:
		return record(slog.LevelInfo, "checkpoint completed", checkpoint(e.Checkpoint), slog.String("reason", e.Reason),
			seconds("seconds", e.Duration), slog.Int64("bytes", e.Bytes), slog.Int64("new_bytes", e.NewBytes),
			slog.Int64("overtaken_bytes", e.Overtaken)), true
	case coordinator.CheckpointCommitted:
		return record(slog.LevelDebug, "checkpoint committed", checkpoint(e.Checkpoint)), true
	case coordinator.CheckpointFailed:
		return record(slog.LevelWarn, "checkpoint failed", checkpoint(e.Checkpoint), failure(e.Err)), true
	case coordinator.Restarting:
		if e.Operators != nil {
			return record(slog.LevelWarn, "restarting a part", seconds("pause_seconds", e.After), failure(e.Err),
				slog.Any("operators", e.Operators)), true
		}
		return record(slog.LevelWarn, "restarting", seconds("pause_seconds", e.After), failure(e.Err)), true
	case coordinator.CollectionFailed:
		return record(slog.LevelWarn, "deletion of unneeded objects failed", failure(e.Err)), true
	case coordinator.CacheFailed:
		return record(slog.LevelWarn, "disk cache failed", failure(e.Err)), true
	case coordinator.MetricsServed:
		return record(slog.LevelInfo, "metrics served", slog.String("url", e.URL)), true
	case coordinator.ControlServed:
		return record(slog.LevelInfo, "control served", slog.String("socket", e.Socket)), true
	case coordinator.ControlFailed:
		return record(slog.LevelWarn, "control not served", failure(e.Err)), true
	}
	return Record{}, false
}

// Outcome is the record of the end of a run.
func Outcome(r coordinator.Result, err error) Record {
	attrs := []slog.Attr{
		checkpoint(r.LastCheckpoint), slog.Int64("rows_read", r.RowsRead), slog.Int("restarts", r.Restarts),
	}
	switch {
	case err == nil && r.Finished:
		return record(slog.LevelInfo, "job finished", attrs...)
	case err == nil:
		return record(slog.LevelInfo, "job stopped", attrs...)
	case errors.Is(err, coordinator.ErrStopped):
		return record(slog.LevelWarn, "job stopped before a restart", append(attrs, failure(err))...)
	}
	return record(slog.LevelError, "job failed", append(attrs, failure(err))...)
}

func checkpoint(n uint64) slog.Attr { return slog.Uint64("checkpoint", n) }

func failure(err error) slog.Attr { return slog.String("error", err.Error()) }

func seconds(name string, d time.Duration) slog.Attr { return slog.Float64(name, d.Seconds()) }
