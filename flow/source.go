package flow

import (
	"context"
	"time"
)

// Source is where a stream begins. It is a description: the engine asks it for splits and opens readers
// on them, in the process and goroutine that read them. Methods may be called concurrently.
type Source[T any] interface {
	// Discover returns splits that are not yet known. It is called once at the start of a job and then
	// again after Discovery.Again, if that is not zero. It is never called concurrently with itself. After a
	// restore it is called with the splits of the checkpoint known. A configuration mistake (a missing
	// file, say) is an error here, before anything has run: one made by ConfigErrorf, if it will not pass by itself.
	Discover(ctx context.Context, known Known) (Discovery, error)

	// Open starts to read a split at split.Position, or at its beginning where that is nil.
	Open(ctx context.Context, split Split) (Reader[T], error)
}

// Known is what the engine knows when it asks a source for splits.
type Known struct {
	// Parallelism is the number of subtasks that will read.
	Parallelism int
	// Has reports whether the split with the given id was discovered before, by this run or one that
	// this run continues.
	Has func(id string) bool
	// First is true when the job starts without a checkpoint.
	First bool
}

// Discovery is the answer to Discover.
type Discovery struct {
	// Splits are the new ones, in the order in which they should be read.
	Splits []Split
	// Again is the pause until the source wants to be asked for more; zero means that all splits are known.
	Again time.Duration
}

// Split is a part of a source that is read by one subtask at a time: a range of a file, a partition.
type Split struct {
	// ID is unique within the source, stable across restarts, and shown in errors and metrics.
	ID string `json:"id"`
	// Bounded splits come to an end; a subtask reads them one after the other. Unbounded splits are
	// all read at the same time.
	Bounded bool `json:"bounded"`
	// Spec is what the source needs to open the split, in a form of its own.
	Spec []byte `json:"spec,omitempty"`
	// Position is where to go on reading, as a reader reported it, or nil for the beginning.
	Position []byte `json:"position,omitempty"`
}

// Status is what a reader says about what comes next.
type Status uint8

const (
	// More means that the next Read will probably find rows.
	More Status = iota
	// Wait means that there is nothing now; the reader's Ready channel says when to try again.
	Wait
	// End means that the split is exhausted. Read is not called again.
	End
)

// Reader reads one split. It is used by one goroutine at a time.
type Reader[T any] interface {
	// Read appends rows and bad records to out, at most as many as out.Rows has spare capacity, and sets
	// their event times or NoTime. It does not block for long: a reader without input returns Wait. An
	// error fails the task, which is then restarted from the last checkpoint, unless ConfigErrorf or CorruptErrorf
	// has made it.
	Read(ctx context.Context, out *Batch[T]) (Status, error)

	// Ready returns a channel that receives or is closed when there may be rows after Read returned
	// Wait. Readers that never return Wait may return nil.
	Ready() <-chan struct{}

	// Position is where a reader opened later goes on, exactly after the last row returned by Read.
	Position() []byte

	// Close releases what the reader holds.
	Close() error
}

// NotReplayable is implemented by sources that cannot go back to a position (standard input). A job
// that reads one must say that it accepts losing or doubling records after a failure: its checkpoints
// restore state, but not what was read since.
type NotReplayable interface {
	// NotReplayable says in a few words why, for the message.
	NotReplayable() string
}
