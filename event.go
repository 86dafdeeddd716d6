package aquifer

import (
	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/metric"
)

// Event is something that happened to a running job: one of the types below.
type Event = coordinator.Event

// Progress is an Event about every half second.
type Progress = coordinator.Progress

// Resumed is the Event that a job goes on from a checkpoint.
type Resumed = coordinator.Resumed

// Started is the Event that the tasks of a job begin to run: at first, and again after each failure.
type Started = coordinator.Started

// SourcesEnded is the Event that all input has been read; the last checkpoint follows.
type SourcesEnded = coordinator.SourcesEnded

// CheckpointStored is the Event that a checkpoint is durable; its output is about to be committed.
type CheckpointStored = coordinator.CheckpointStored

// CheckpointCommitted is the Event that the output of a checkpoint is visible.
type CheckpointCommitted = coordinator.CheckpointCommitted

// CheckpointFailed is the Event that a checkpoint was given up; the job goes on.
type CheckpointFailed = coordinator.CheckpointFailed

// CollectionFailed is the Event that objects which no checkpoint needs could not be deleted.
type CollectionFailed = coordinator.CollectionFailed

// CacheFailed is the Event that the disk cache cannot be used; reads ask the store instead.
type CacheFailed = coordinator.CacheFailed

// MetricsServed is the Event that metrics can be read, and where.
type MetricsServed = coordinator.MetricsServed

// ControlServed is the Event that the job can be looked at and asked for something, and at which socket.
type ControlServed = coordinator.ControlServed

// ControlFailed is the Event that it cannot be, although [ControlAuto] was to find a place; the job goes on.
type ControlFailed = coordinator.ControlFailed

// Restarting is the Event that a job failed and will be restarted from its last checkpoint.
type Restarting = coordinator.Restarting

// Sample is one number of those that a job tells of itself, with its name and labels: docs/metrics.md lists them.
type Sample = metric.Sample
