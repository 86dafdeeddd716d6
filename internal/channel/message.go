package channel

import (
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// Barrier separates what belongs to a checkpoint from what does not.
type Barrier struct {
	// Checkpoint is its number.
	Checkpoint uint64
	// Last is set when nothing follows: the task ends after its snapshot.
	Last bool
	// Drains is set when no operator may leave rows in flight to its snapshot.
	Drains bool
	// Overtake is from when on the barrier does not wait for what is queued before it; the zero time for never.
	Overtake time.Time
	// Above is how many bytes may wait in front of a receiver, or there, for the barrier to wait there; with more it overtakes
	// at once. Zero for as many as there are.
	Above int64
}

// same reports whether two barriers are one, come by different channels.
func (b *Barrier) same(other Barrier) bool {
	return b.Checkpoint == other.Checkpoint && b.Last == other.Last
}

// Status is a change of a channel's activity.
type Status uint8

const (
	// Unchanged is the status of most messages.
	Unchanged Status = iota
	// Idle channels do not hold back the watermark.
	Idle
	// Active ends Idle.
	Active
)

// Message is what one send carries: a batch, then a status, then a watermark, then a barrier, each of
// which may be missing.
type Message struct {
	// Batch is a *flow.Batch of the edge's row type, or nil. The receiver becomes its owner.
	Batch any
	// Status says whether the sender became idle or active.
	Status Status
	// Watermark is the event time, in milliseconds, that no later row is behind; flow.NoTime for none.
	Watermark int64
	// Barrier is nil for none.
	Barrier *Barrier
}

// Control returns a message that carries nothing; callers set what they need.
func Control() Message { return Message{Watermark: flow.NoTime} }

// isEmpty reports whether the message carries nothing but perhaps a barrier.
func (m *Message) isEmpty() bool {
	return m.Batch == nil && m.Status == Unchanged && m.Watermark == flow.NoTime
}
