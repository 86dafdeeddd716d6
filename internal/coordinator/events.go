package coordinator

import (
	"time"

	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/worker"
)

// Event is something that happened to a running job: one of the types below.
type Event interface{ event() }

// Resumed says that the job goes on from a checkpoint.
type Resumed struct {
	Checkpoint uint64
	Taken      time.Time
}

// Started says that the tasks of an attempt, or of a part of the job, begin to run, from what the checkpoint has.
type Started struct {
	// Attempt counts those of the run, from 1: a later one is a recovery from a failure.
	Attempt int
	// Checkpoint is what it goes on from; zero for the beginning.
	Checkpoint uint64
	// Took is the time that the restore took.
	Took time.Duration
	// Operators are the uids of those whose tasks these are, and the others have gone on; nil for all.
	Operators []string
	// Failures are those that the run remembers.
	Failures []Failure
}

// SourcesEnded says that the input has been read to its end. The last checkpoint follows.
type SourcesEnded struct{}

// CheckpointStored says that a checkpoint is durable; its output is about to be committed.
type CheckpointStored struct {
	Checkpoint uint64
	Reason     string
	Duration   time.Duration
	// Bytes is the size of its tables, NewBytes that of those that no earlier checkpoint has.
	Bytes, NewBytes int64
	// Overtaken is the size of the rows that its barrier has overtaken; they are part of both.
	Overtaken int64
	// Cost is about the time that it has taken from the rows: the longest for which its barrier stopped a task, and what
	// processors did for it, shared by all of them. Waits for the store are not in it.
	Cost time.Duration
}

// CheckpointCommitted says that the output of a checkpoint is visible.
type CheckpointCommitted struct{ Checkpoint uint64 }

// CheckpointFailed says that a checkpoint was given up; the job goes on.
type CheckpointFailed struct {
	Checkpoint uint64
	Err        error
}

// CollectionFailed says that objects which no checkpoint needs could not be deleted. They are found again
// when the next checkpoint has been stored.
type CollectionFailed struct{ Err error }

// CacheFailed says that the disk cache is not used any more, or not for some objects: their reads ask the store.
type CacheFailed struct{ Err error }

// MetricsServed says where metrics can be read while the job runs.
type MetricsServed struct{ URL string }

// ControlServed says where the job can be looked at and asked for something while it runs.
type ControlServed struct{ Socket string }

// ControlFailed says that it cannot: the job runs all the same.
type ControlFailed struct{ Err error }

// Restarting says that the job failed and will be restarted from its last checkpoint after a pause.
type Restarting struct {
	Err   error
	After time.Duration
	// Operators are the uids of those that are restarted, and the others go on; nil for all.
	Operators []string
	// Failures are those that the run remembers, this one the last.
	Failures []Failure
}

// Progress is the state of a running job, told about twice a second.
type Progress struct {
	// Elapsed is the time since the run began.
	Elapsed time.Duration
	// RowsRead is the number of rows that sources have read in this run, RowsWritten what sinks got.
	RowsRead, RowsWritten int64
	// Watermark is the event time of the sinks in milliseconds, or flow.NoTime.
	Watermark int64
	// StateBytes is the memory of keyed state, Keys the number of its keys.
	StateBytes, Keys int64
	// Bad and Late count records that could not be decoded and rows that came too late.
	Bad, Late int64
	// Metrics are the samples of package metric, as of now.
	Metrics []metric.Sample
	// Operators are the counters of each operator and subtask.
	Operators []*worker.OperatorStats
}

func (Resumed) event()             {}
func (Started) event()             {}
func (SourcesEnded) event()        {}
func (CacheFailed) event()         {}
func (MetricsServed) event()       {}
func (ControlServed) event()       {}
func (ControlFailed) event()       {}
func (CheckpointStored) event()    {}
func (CheckpointCommitted) event() {}
func (CheckpointFailed) event()    {}
func (CollectionFailed) event()    {}
func (Restarting) event()          {}
func (Progress) event()            {}
