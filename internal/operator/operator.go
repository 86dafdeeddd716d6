package operator

import (
	"context"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// Receiver takes the rows of one stream in order: it is what an operator is to the one before it.
type Receiver[T any] interface {
	Progress
	// Batch processes the rows of b and becomes its owner.
	Batch(b *flow.Batch[T]) error
}

// Side is an input of an operator that has two.
type Side int

const (
	// Left is the first side, and the only one of other operators.
	Left Side = iota
	// Right is the second one.
	Right
)

// TwoSided operators are no Receivers themselves.
type TwoSided interface {
	// Side returns the Receiver of one side's rows. Progress is for both.
	Side(s Side) any
}

// receiverOf is what takes the rows of a side of an operator.
func receiverOf(op any, s Side) any {
	if two, ok := op.(TwoSided); ok {
		return two.Side(s)
	}
	return op
}

// Progress takes what travels between rows and does not depend on their type.
type Progress interface {
	// Watermark says that no later row has an event time before the given one, in milliseconds.
	Watermark(time int64) error
	// Idle says that the stream does not hold back watermarks any more, or that it does again.
	Idle(idle bool) error
}

// Operator is one step of a task, seen by the task that runs it. All its methods, and those of
// Receiver, are called by the goroutine whose turn it is to run the task.
type Operator interface {
	// Open restores what env.Restored holds and gets ready for the first record.
	Open() error
	// Snapshot is called at a barrier, when every row before it has been processed.
	Snapshot(checkpoint uint64) (Snapshot, error)
	// Close releases everything. It is called once, also when Open failed or was not called.
	Close() error
}

// Clocked operators have work that falls due by the clock of the machine.
type Clocked interface {
	// Due is when Tick is wanted next; the zero time for never.
	Due() time.Time
	// Tick does what is due at now.
	Tick(now time.Time) error
}

// Flying operators have rows in flight: a call of Batch may return before what follows from its rows has been handed
// on. Snapshot waits for them, or leaves them.
type Flying interface {
	// Wake has a token when Resume may find something to do.
	Wake() <-chan struct{}
	// Resume goes on with what is in flight.
	Resume() error
	// Full says that no more is to come before Resume has made room.
	Full() bool
	// Waits reports whether anything is in flight.
	Waits() bool
}

// Draining operators leave rows in flight to any Snapshot, also to that of a barrier that overtakes nothing.
type Draining interface {
	// Drain waits until nothing is in flight. It is called before the Snapshot for a barrier of which nothing may be.
	Drain() error
}

// Snapshot is an operator's part of a checkpoint, as of a barrier.
type Snapshot struct {
	// Watermark is the operator's event time.
	Watermark int64
	// Ahead are the event times of its key groups, when they are not all the same.
	Ahead []checkpoint.RangeWatermark
	// Splits are those that a source is reading, with their positions.
	Splits []flow.Split
	// Prepared is what a sink left.
	Prepared flow.Prepared
	// InFlight are the rows, with the events between them, that had come to the head of a chain and not begun, or whose
	// calls of an outside service had not ended; nil for none. They are processed behind the barrier. Their Input is the operator's Side.
	InFlight []channel.Line
	// Broadcasts is the state that all subtasks have, from one of them; nil from the others, and for none.
	Broadcasts []byte
	// State are the frozen changes of keyed state, or nil for an operator without.
	State StateSnapshot
	// Namespaces are those that windows have entries in.
	Namespaces []int64
}

// StateSnapshot are frozen changes on their way into tables, which happens behind the task's back. WriteTo is called
// once, and then one of Written and Failed, by a goroutine other than the task's; snapshots of one operator are written
// in order.
type StateSnapshot interface {
	// Entries is about how many there are.
	Entries() int64
	// WriteTo writes the changes in the order of their table keys.
	WriteTo(w keyed.Writer) error
	// Written says that they can be read from below now.
	Written()
	// Failed says that they cannot and will not: they are part of the next snapshot.
	Failed()
}

// Env is the place of one operator in a running job.
type Env struct {
	// Context ends when the task must stop.
	Context context.Context
	// UID and Name identify the operator; Name is for people.
	UID, Name string
	// Subtask is its number, from 0, of Parallelism.
	Subtask, Parallelism int
	// MaxParallelism is the job's number of key groups, Groups this subtask's part of them.
	MaxParallelism int
	Groups         base.KeyGroupRange
	// Incarnation is different for each start of each job.
	Incarnation string
	// Restored is the subtask's part of the checkpoint that the job goes on from, or nil.
	Restored *Restored
	// Budget is the process's memory for keyed state.
	Budget *keyed.Budget
	// Below is where keyed state is that is not in memory; nil for an operator without.
	Below keyed.Below
	// Crowded reports whether reads from there wait for others; nil for never.
	Crowded func() bool
	// Expired are table keys of what may have expired; nil for an operator without state that does.
	Expired <-chan [][]byte
	// WriteOut writes a snapshot that is no part of a checkpoint, taken when changes take MaxDirty bytes or when Barrier,
	// the time at which the next barrier is expected, is near; the zero time for never.
	WriteOut func(StateSnapshot)
	MaxDirty int64
	Barrier  func() time.Time
	// InFlight is how many rows a keyed operator may have in flight, zero for as many as suit it; Relaxed that rows
	// need not wait for the watermarks before them, FirstAccess that they wait for their key only when they access state.
	InFlight    int
	Relaxed     bool
	FirstAccess bool
	// Sides are the side outputs of a user's function.
	Sides []SideOutput
	// Splits is where a source gets its splits; nil for other operators.
	Splits SplitPool
	// Stats are the counters of the operator.
	Stats *Stats
	// Urgency is begun when a barrier must not wait for what has not begun; nil for never.
	Urgency *channel.Urgency
	// Blocked is how long the task has been waiting for credit since it began.
	Blocked func() time.Duration
}

// Restored is what a subtask finds in a checkpoint.
type Restored struct {
	// Assignment are the parts of old subtasks that are now this one's.
	checkpoint.Assignment
	// Key and States are the schemas that the state was written with.
	Key    string
	States []checkpoint.State
}
