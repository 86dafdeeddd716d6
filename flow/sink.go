package flow

import "context"

// Sink is where a stream ends. It is a description; methods may be called concurrently.
//
// Exactly once works in two phases: at a barrier each writer prepares what it was given since the barrier
// before, durable but not visible; when the checkpoint is durable, Commit makes it visible. The
// committables are part of the checkpoint, and Commit is repeated until it succeeds: also by a later
// process, also for a checkpoint that was committed already.
type Sink[T any] interface {
	// Recover is called once before writers are opened, at each start or restart of the job. It
	// commits what the restored checkpoint had prepared (nothing when there is none) and removes what
	// an earlier run wrote and will never commit.
	Recover(ctx context.Context, committables [][]byte) error

	// Open returns the writer of one subtask.
	Open(ctx context.Context, subtask SinkSubtask) (Writer[T], error)

	// Commit makes visible what the writers prepared for one checkpoint. It is idempotent: committing
	// again what is visible already changes nothing and is no error.
	Commit(ctx context.Context, committables [][]byte) error
}

// Placed is implemented by sinks that must be the only one of their job that writes to a place, since they remove there
// what they do not know: two with the same are refused before the job runs.
type Placed interface {
	// Place names it, in one way however it was given, also for the message.
	Place() string
}

// SinkSubtask says which writer of a sink is opened.
type SinkSubtask struct {
	// Subtask is the number of this writer, from 0, of Parallelism.
	Subtask, Parallelism int
	// Incarnation is different at each start and restart of each job: names that contain it do not collide.
	Incarnation string
	// States are the states that writers returned at the restored checkpoint and that are now this
	// writer's: each of them is given to exactly one writer.
	States [][]byte
}

// Writer is one subtask of a sink. It is used by one goroutine at a time.
type Writer[T any] interface {
	// Write takes the rows of a batch, valid during the call only.
	Write(ctx context.Context, b *Batch[T]) error
	// Prepare makes durable, but not visible, all that was written since the last Prepare.
	Prepare(ctx context.Context, checkpoint uint64) (Prepared, error)
	// Close releases what the writer holds and drops what was not prepared. Its context has mostly ended by then.
	// An error is that of the run, also of one whose output has all been committed.
	Close(ctx context.Context) error
}

// Prepared is what a writer leaves in a checkpoint.
type Prepared struct {
	// Committable is given to Commit when the checkpoint is durable; nil for nothing to commit.
	Committable []byte
	// State comes back in SinkSubtask.States when the checkpoint is restored; nil for none.
	State []byte
}
